"""Icepi Zero 1.3: a 25F with 32 MB of SDRAM in the form of a Raspberry Pi Zero.

Ref: github.com/cheyao/icepi-zero.
"""

from .board import Board

__all__ = ["BOARDS"]

BOARDS = (
    Board(
        name="icepi-zero",
        title="Icepi Zero",
        platform_class="amaranth_boards.icepi_zero:IcepiZero1_3Platform",
        device="LFE5U-25F",
        leds={name: ("led", number, None) for number, name in enumerate(
            ("idle", "loading", "running", "error", "alive"))},
        reset=("button", 0),
        usb_text="icepi",
        loader=("-b", "icepi-zero"),
    ),
)
