"""The list of boards, and the fields that each file must get right."""

import re
from pathlib import Path

import pytest

from trine.firmware.config import preset
from trine.hw.boards import boards, find_board
from trine.hw.boards.sdram_pads import default_degrees, phase_window
from trine.hw.boards.status_leds import LEDS

DOCS = Path(__file__).parents[3] / "docs"


def test_reference_board_is_there():
    assert {"ulx3s-85f", "ulx3s-45f", "ulx3s-25f", "ulx3s-12f", "icepi-zero",
            "icesugar-pro"} <= set(boards())


def test_family_name():
    assert find_board("ulx3s").name == "ulx3s-85f"
    assert find_board("ulx3s-12f").name == "ulx3s-12f"


def test_unknown_board():
    with pytest.raises(ValueError, match="Board 'arty' does not exist; choose one of icepi-zero"):
        find_board("arty")
    with pytest.raises(ValueError, match="Board '' does not exist"):
        find_board("")


@pytest.mark.parametrize("name", boards())
def test_fields(name):
    board = find_board(name)
    platform = board.platform()
    assert board.device == platform.device
    for resource, number, part in [*board.leds.values(), *board.quiet]:
        ios = platform.lookup(resource, number).ios
        assert part is None or part in [sub.name for sub in ios]
    assert set(board.leds) <= set(LEDS)
    assert {"idle", "loading", "running", "error"} <= set(board.leds)
    assert board.geometry.size == preset("ulx3s").memory_size
    assert board.input_hz in (25_000_000, 50_000_000)
    assert board.resources["bram"] >= 56


@pytest.mark.parametrize("clock_hz", (80e6, 100e6, 105e6, 125e6, 133_333_333))
def test_default_phase_lies_in_its_window(clock_hz):
    first, last = phase_window(clock_hz)
    assert 0 < first < default_degrees(clock_hz) < last < 360


def test_docs_name_every_board():
    text = (DOCS / "boards.md").read_text()
    assert not [name for name in boards() if f"`{name}`" not in text]


def test_porting_shows_the_file():
    code = re.search(r"```python\n(.*?)```", (DOCS / "porting.md").read_text(), re.DOTALL)[1]
    assert code in (DOCS.parent / "hw/boards/icepi_zero.py").read_text()
