"""iCESugar-Pro: a 25F with 32 MB of SDRAM on a SO-DIMM, its debugger and serial port beside it.

The debugger's serial port is slower than an FT231X: 1 Mbaud. The board has no button.
Ref: github.com/wuxx/icesugar-pro.
"""

from .board import Board

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="icesugar-pro",
        title="iCESugar-Pro",
        platform_class="amaranth_boards.icesugar_pro:ICESugarProPlatform",
        device="LFE5U-25F",
        leds={"idle": ("rgb_led", 0, "g"), "loading": ("rgb_led", 0, "b"),
              "running": ("rgb_led", 0, "b"), "error": ("rgb_led", 0, "r")},
        baud=1_000_000,
        usb=(0x1D50, 0x602B),
        loader=("-c", "cmsisdap"),
    ),
)
