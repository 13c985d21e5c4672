"""Tests of the board's memory, on golden boards that are well and on others."""

import json

import numpy as np
import pytest

from checkpoints import TINY_PATH
from memory_boards import AliasedBoard, SpoiltBoard
from trine.firmware.config import preset
from trine.firmware.registers import address
from trine.host import devices
from trine.host.board import Board, BoardError
from trine.host.cli import main
from trine.host.links import LoopbackTransport
from trine.host.memory_check import (
    MemoryCheck,
    check_addresses,
    check_memory,
    describe_addresses,
)
from trine.sim.golden.memory_test import pattern
from trine.sim.golden_board import GoldenBoard

TINY = ["--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH)]


def opened(device):
    return Board(LoopbackTransport(device.receive, name="golden"))


@pytest.fixture
def use(monkeypatch):
    """Let the command line open this device."""
    def use(device):
        monkeypatch.setattr(devices, "GoldenBoard", lambda config: device)
    return use


def test_all_of_memory_is_well():
    counts = []
    with opened(GoldenBoard(preset("tiny"))) as board:
        found = check_memory(board, progress=counts.append)

    assert (found.size, found.errors, found.first, found.lines) == (1 << 17, 0, None, ())
    assert sum(counts) == 4 * found.size
    assert found.sentence() == "0.125 MB of memory, written and read 2 times: no wrong beat"


def test_every_cell_holds_both_levels():
    """Plain and inverted leave no cell that was not written with 0 and 1."""
    device = GoldenBoard(preset("tiny"))
    seen = []
    test = device._test_memory
    device._test_memory = lambda mode: (test(mode), seen.append(bytes(device.memory)))
    with opened(device) as board:
        check_memory(board)

    plain, _, inverted, _ = (np.frombuffer(memory, np.uint8) for memory in seen)
    np.testing.assert_array_equal(plain, ~inverted)


def test_a_part_of_memory():
    device = GoldenBoard(preset("tiny"))
    with opened(device) as board:
        assert check_memory(board, 5000).size == 6144
    assert not any(device.memory[6144:])


def test_wrong_beats_are_named():
    device = SpoiltBoard({0x1235: 0x20, 0x8000: 0x01})
    with opened(device) as board:
        found = check_memory(board)

    assert (found.errors, found.first, found.lines) == (4, 0x1234, ("DQ0", "DQ13"))
    assert found.sentence().startswith("4 of 131072 beats in 0.125 MB of memory are wrong, the "
                                       "first at byte 0x1234, on data lines DQ0, DQ13; run")


@pytest.mark.parametrize("lines, text", [
    (("DQ3",), "on data line DQ3;"),
    (tuple(f"DQ{n}" for n in range(16)), "on all data lines;")])
def test_lines_are_named(lines, text):
    found = MemoryCheck(size=2048, passes=2, errors=65536, stopped=True, first=0, lines=lines,
                        seconds=None, beat_bytes=2)

    assert text in found.sentence() and found.sentence().startswith("At least 65536 of 2048 beats")


def test_speed_counts_both_directions():
    found = MemoryCheck(size=1000, passes=2, errors=0, stopped=False, first=None, lines=(),
                        seconds=2e-5, beat_bytes=2)

    assert found.bytes_per_second == pytest.approx(200e6)
    assert "at 0.200 GB/s" in found.sentence()


@pytest.mark.parametrize("ignored", [0, 1 << 10, 1 << 4, 1 << 16, 1 << 6 | 1 << 13])
def test_ignored_address_bits_are_found(ignored):
    with opened(AliasedBoard(ignored)) as board:
        bits = check_addresses(board)

    assert sum(1 << bit for bit in bits) == ignored


def test_a_smaller_chip_is_said_in_one_sentence(use, capsys):
    use(AliasedBoard(1 << 10, memory_size=64 << 20))

    assert main(["selftest", *TINY]) == 1
    assert capsys.readouterr().out == ("The memory chip has 32 MB, and the gateware was built for "
                                       "64 MB; build it for 32 MB\n")


def test_a_broken_address_line_is_another_matter():
    with opened(GoldenBoard(preset("tiny"))) as board:
        text = describe_addresses(board, [6, 13])

    assert text.startswith("The memory does not tell addresses apart that differ in bit 6, 13: ")


def test_selftest_ends_where_the_memory_fails(use, capsys):
    use(SpoiltBoard({0x1235: 0x20}))

    assert main(["selftest", *TINY, "--json"]) == 1
    out = json.loads(capsys.readouterr().out)
    assert out["memory"] == {"bytes": 1 << 17, "passes": 2, "errors": 2, "first_error": 0x1234,
                             "wrong_lines": ["DQ13"], "bytes_per_second": None}
    assert "data line DQ13" in out["fault"] and "mismatches" not in out


def test_memory_is_left_alone_where_asked(use, capsys):
    use(SpoiltBoard({0x1235: 0x20}))

    assert main(["selftest", *TINY, "--memory", "0", "--tokens", "3"]) == 0
    assert "MB of memory" not in capsys.readouterr().out


def test_a_test_without_end(monkeypatch):
    device = GoldenBoard(preset("tiny"))
    device.registers[address("MEMORY_TEST_BUSY")] = 1
    monkeypatch.setattr("trine.host.memory_check._PATIENCE", 0.01)
    with opened(device) as board, pytest.raises(BoardError, match="does not end; reset the board"):
        check_memory(board)


def test_golden_board_tests_as_told():
    """Wraps at the end of memory, and is dropped during a run."""
    device = GoldenBoard(preset("tiny"))
    beats = device.config.memory_beats

    def start(mode, base, end):
        for name, word in (("BASE", base), ("END", end), ("SEED", 9), ("START", mode)):
            device.write_register(address(f"MEMORY_TEST_{name}"), word)

    start(1, beats - 1024, 1024)
    expected = pattern(9, 2048, 2).tobytes()
    assert device.memory[-2048:] + device.memory[:2048] == expected
    device.memory[3] ^= 0x40
    start(2, beats - 1024, 1024)
    assert [device.read_register(address(f"MEMORY_TEST_{name}"))
            for name in ("ERRORS", "FIRST", "BITS")] == [1, 1, 0x4000]
    device.state = 1
    start(1, 0, 0)
    assert device.memory[-2048:-2000] == expected[:48]
