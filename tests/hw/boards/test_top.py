"""The whole design of each board: pins, clocks, and one sentence for what cannot be built."""

import re

import pytest

from trine.firmware.config import preset
from trine.hw.boards import boards, find_board
from trine.hw.boards.top import Top

#: Of the four ULX3S only the size of the FPGA differs.
NAMES = [name for name in boards() if name not in ("ulx3s-45f", "ulx3s-25f", "ulx3s-12f")]


@pytest.mark.parametrize("name", NAMES)
def test_pins_and_clock(name):
    board = find_board(name)
    top = Top(board=board, config=preset("ulx3s"))
    plan = board.platform().prepare(top, "top")
    constraints = plan.files["top.lpf"]
    constraints = constraints if isinstance(constraints, str) else constraints.decode()
    sites = re.findall(r'LOCATE COMP "(\S+)" SITE "(\w+)"', constraints)
    # Clock and UART; the SDRAM's 39 signals; LEDs; what is quiet; the button.
    lamps = {pin[:2] if pin[2] is None else pin for pin in board.leds.values()}
    assert len({site for _, site in sites}) == len(sites)
    assert len(sites) == 3 + 39 + len(lamps) + len(board.quiet) + (board.reset is not None)
    assert re.search(rf"FREQUENCY PORT .* {board.input_hz}.0 HZ;", constraints)
    assert top.config.clock_hz == top.pll.output_hz == 100_000_000
    text = plan.files["top.il"]
    text = text if isinstance(text, str) else text.decode()
    # Every pin of the SDRAM has its register, and the clock leaves through one as well.
    assert len(re.findall(r"cell \\ODDRX1F", text)) == 1
    assert len(re.findall(r"cell \\(OFS1P3DX|OFS1P3BX|TRELLIS_FF|IFS1P3DX)", text)) >= 38


@pytest.mark.parametrize("changes, sentence", (
    ({"clock_hz": 133e6}, "The PLL cannot make 133 MHz"),
    ({"baud": 20_000_000}, "Baud rate must be 1 to an eighth of the clock"),
    ({"clock_hz": 10e6}, "Baud rate must be 1 to an eighth"),
    ({"config": preset("ulx3s").replace(memory_size=16 << 20)},
     "Preset ulx3s has 16,777,216 bytes of memory .* ULX3S 85F has 33,554,432"),
    ({"config": preset("onchip"), "degrees": 90.0}, "Preset onchip uses no SDRAM"),
))
def test_what_cannot_be_built(changes, sentence):
    options = {"board": find_board("ulx3s-85f"), "config": preset("ulx3s")} | changes
    with pytest.raises(ValueError, match=sentence):
        Top(**options)


def test_on_chip_leaves_the_sdram_alone():
    board = find_board("ulx3s-85f")
    plan = board.platform().prepare(Top(board=board, config=preset("tiny")), "top")
    constraints = plan.files["top.lpf"]
    constraints = constraints if isinstance(constraints, str) else constraints.decode()
    assert "sdram" not in constraints and "uart" in constraints
