"""ULX3S, the reference board, with each ECP5 it is sold with.

32 MB of SDRAM; the few boards with 64 MB work as well, and use half of it.
Ref: ULX3S manual (github.com/emard/ulx3s).
"""

from .board import Board
from .status_leds import LEDS

__all__ = ["BOARDS"]

BOARDS = tuple(
    Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size}",
        platform_class=f"amaranth_boards.ulx3s:ULX3S_{size}_Platform",
        device=f"LFE5U-{size}",
        leds={name: ("led", number, None) for number, name in enumerate(LEDS)},
        reset=("button_pwr", 0),
        # The ESP32 shares pins with the FPGA and draws power: it is held in reset.
        quiet=(("esp32", 0, "en"),),
        usb_text="ulx3s",
        loader=("-b", "ulx3s"),
    )
    for size in ("85F", "45F", "25F", "12F"))
