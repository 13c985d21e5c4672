"""The phase sweep, on golden boards with windows of every kind."""

import json

import pytest

from checkpoints import TINY_PATH
from memory_boards import PhasedBoard
from trine.firmware.config import preset
from trine.firmware.registers import address
from trine.host import devices
from trine.host.board import Board, BoardError
from trine.host.cli import main
from trine.host.links import LoopbackTransport
from trine.host.phase_sweep import sweep
from trine.sim.golden_board import GoldenBoard

SIZE = 4096


def opened(device):
    return Board(LoopbackTransport(device.receive, name="golden"))


def swept(**options):
    device = PhasedBoard(**options)
    counts = []
    with opened(device) as board:
        found = sweep(board, SIZE, counts.append)
        assert device.registers[address("PHASE")] == 0
    assert sum(counts) == device.steps
    return found


@pytest.mark.parametrize("first, last", [(-9, 17), (0, 0), (-20, 0), (3, 40), (-47, -1), (20, 28)])
def test_finds_exactly_the_window(first, last):
    found = swept(good=range(first, last + 1), edge=[first - 1, last + 1])
    low, high = found.window

    assert (low - first) % 48 == 0 and high - low == last - first
    assert found.degrees(low) == (16 + first) % 48 * 7.5
    assert [not errors for errors in found.errors] == [
        (phase - first) % 48 <= last - first for phase in range(48)]


def test_the_longest_of_several():
    found = swept(good=[1, 2, 3, 10, 11, 12, 13, 46, 47])

    assert found.window == (10, 13)


def test_works_everywhere():
    found = swept(steps=40, built=5, good=range(40))

    assert found.window == (-20, 19) and not found.far


def test_works_nowhere():
    found = swept(good=())

    assert found.window is None and found.as_dict()["window_degrees"] is None
    assert list(found.lines())[-1].startswith("The memory works at no phase; ")


def test_picture():
    found = swept(good=range(-9, 18), edge=[-11, -10, 18, 19])

    assert list(found.lines()) == [
        "Phase of the memory's clock: 48 steps of 7.5 degrees (0.208 ns), from 0 to 360 degrees "
        "(10.00 ns)",
        "  " + "x" * 5 + "~~" + "." * 27 + "~~" + "x" * 12,
        "  " + " " * 16 + "P   C",
        "  . no wrong beat in 0.00390625 MB   ~ some   x most   P present phase   C centre of the "
        "window",
        "It works from 52.5 degrees (1.46 ns) to 247.5 degrees (6.88 ns); the centre is 150.0 "
        "degrees (4.17 ns).",
        "The present phase, 120.0 degrees, is near it."]


def test_a_phase_far_from_the_centre_is_told_what_to_build():
    found = swept(good=range(-2, 24))

    assert found.far
    assert list(found.lines())[-1] == ("The present phase, 120.0 degrees, is far from it; build "
                                       "with `trine build --phase 199`")


def test_phase_comes_back_whatever_happens(monkeypatch):
    device = PhasedBoard()

    def interrupted(count):
        raise KeyboardInterrupt

    with opened(device) as board:
        with pytest.raises(KeyboardInterrupt):
            sweep(board, SIZE, interrupted)
        assert device.phases == [0, 0]


def test_phase_that_was_left_behind_is_put_back():
    device = PhasedBoard()
    device.write_register(address("PHASE_TARGET"), 7)
    with opened(device):
        assert device.phases == [7, 0]


def test_board_that_cannot_shift():
    with opened(GoldenBoard(preset("tiny"))) as board, pytest.raises(
            BoardError, match="on golden cannot be shifted; only boards with an SDRAM can be"):
        sweep(board, SIZE)


def test_phase_that_does_not_move():
    device = PhasedBoard()
    device.write_register = lambda at, word: GoldenBoard.write_register(device, at, word)
    with opened(device) as board, pytest.raises(BoardError, match="does not move; program the"):
        sweep(board, SIZE)


def run(monkeypatch, capsys, device, *options):
    monkeypatch.setattr(devices, "GoldenBoard", lambda config: device)
    code = main(["selftest", "--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH),
                 "--tokens", "3", "--phase-sweep", *options])
    return code, capsys.readouterr().out


def test_command_draws_and_goes_on(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, PhasedBoard(good=range(-9, 18)))

    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "Phase", "x" * 7 + "." * 27 + "x" * 14, "P", ".", "It", "The", "0.125", "3"]


def test_command_tells_json(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, PhasedBoard(good=range(-9, 18)), "--json")
    phase = json.loads(out)["phase"]

    assert code == 0 and len(phase["errors"]) == 48
    assert (phase["built_degrees"], phase["window_degrees"], phase["centre_degrees"]) == (
        120, [52.5, 247.5], 150)


def test_command_fails_where_no_phase_works(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, PhasedBoard(good=()), "--json")

    assert code == 1 and json.loads(out)["fault"] == "The memory works at no phase of its clock"


def test_command_on_a_board_that_cannot_shift(capsys, monkeypatch):
    monkeypatch.setattr(devices, "GoldenBoard", lambda config: GoldenBoard(preset("tiny")))
    code = main(["selftest", "--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH),
                 "--phase-sweep"])
    out, err = capsys.readouterr()

    assert (code, out) == (2, "") and "cannot be shifted" in err
