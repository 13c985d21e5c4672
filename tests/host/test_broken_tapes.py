"""Broken tapes: the board says what is wrong, a reset makes it whole; golden board and gateware."""

import sys
from pathlib import Path

import pytest

from checkpoints import tiny_model
from trine.firmware.compiler import Tape
from trine.firmware.config import preset
from trine.firmware.registers import RunFlags, State, address
from trine.host import board as board_module
from trine.host.board import Board, BoardError
from trine.host.commands.selftest import compare
from trine.host.links import LoopbackTransport
from trine.host.simulated import SimulatedTransport
from trine.sim.golden_board import GoldenBoard

TOOLS = Path(__file__).resolve().parents[2] / "tools"
CONFIG = preset("tiny")


@pytest.fixture(scope="module", params=["golden", "sim"])
def line(request):
    if request.param == "golden":
        yield LoopbackTransport(GoldenBoard(CONFIG).receive, name="golden")
        return
    with SimulatedTransport(CONFIG) as transport:
        yield transport


@pytest.fixture
def board(line, monkeypatch):
    monkeypatch.setattr(line, "close", lambda: None, raising=False)
    board = Board(line)
    return board.upload(tiny_model().image(CONFIG))


def whole(board):
    """Whether the board plays a text as golden does."""
    result = compare(board, tiny_model(), [0, 4], 3, temperature=0, seed=1)
    return result["mismatches"] == 0


def break_tape(board, at, byte):
    """Change the lowest byte of the instruction at byte ``at`` of the token tape."""
    start = board.image.tapes["token"].base * CONFIG.memory_bytes + at
    burst = start // CONFIG.burst_bytes * CONFIG.burst_bytes
    data = bytearray(board.connection.memory_read(burst, CONFIG.burst_bytes))
    data[start - burst] = byte
    board.connection.memory_write(burst, bytes(data))


def run(board, tape="token"):
    board.queue([0])
    board.start(tape, count=1, reset=1, flags=RunFlags.TOKENS)
    board.wait(State.IDLE)


def test_an_undefined_opcode(board):
    first = board.image.data[board.image.tapes["token"].base * CONFIG.memory_bytes]
    break_tape(board, 0, 50)
    with pytest.raises(BoardError, match=r"met the undefined opcode 50 at byte 0 of the tape; up"):
        run(board)

    assert board.status() == State.IDLE and board.read("ERROR") == 0
    break_tape(board, 0, first)
    assert whole(board)


def test_a_tape_that_ends_early(board):
    tape = board.image.tapes["token"]
    board.image.tapes["short"] = Tape(tape.base, tape.beats // 2 // CONFIG.burst_beats
                                      * CONFIG.burst_beats, tape.size)
    with pytest.raises(BoardError, match=r"The tape ended inside the instruction at byte \d+; up"):
        run(board, "short")
    assert whole(board)


@pytest.mark.parametrize(("base", "beats"), [
    (1, 8), (0, 7), (0, 0), (CONFIG.memory_beats - 8, 16), (8, CONFIG.memory_beats)])
def test_a_run_of_what_is_no_tape(board, base, beats):
    board.image.tapes["none"] = Tape(base, beats, 0)
    with pytest.raises(BoardError, match="refused the run: the tape must be whole bursts in mem"):
        run(board, "none")
    assert whole(board)


def test_a_host_that_dies_leaves_an_error_that_the_next_one_forgets(board, line):
    break_tape(board, 0, 50)
    board.queue([0])
    board.start("token", count=1, reset=1, flags=RunFlags.TOKENS)
    while board.read("STATUS") != State.ERROR:
        board.transport.pause(1e-5)

    after = Board(line)
    after.upload(tiny_model().image(CONFIG))
    assert whole(after)


@pytest.mark.parametrize("line", ["sim"], indirect=True)
def test_a_run_that_stands_still(board, line, monkeypatch):
    """An instruction of length zero, which only gateware minds."""
    monkeypatch.setattr(board_module, "_STANDSTILL", 1e-3)
    length = 6  # byte of the first instruction's, a LOAD's, length
    for found in ("by its own host", "by the next one"):
        board = Board(line)
        board.upload(tiny_model().image(CONFIG))
        break_tape(board, length, 0)
        if found == "by its own host":
            with pytest.raises(BoardError, match=r"stands still at byte \d+ of the tape, in play 0"
                                                 r", and was reset; upload the image again"):
                run(board)
            assert board.status() == State.IDLE
        else:
            board.queue([0])
            board.start("token", count=1, reset=1, flags=RunFlags.TOKENS)
            board = Board(line)
            board.adopt(tiny_model().image(CONFIG))
        break_tape(board, length, tiny_model().dim)
        assert whole(board)


@pytest.mark.parametrize(("name", "words", "said"), [
    ("STATUS", [9], "reports the unknown state 9; program the board anew"),
    ("STATUS", [3, 77, 4, 0], "reports the unknown error 77 at byte 4 of the tape"),
])
def test_a_board_that_says_what_no_board_says(name, words, said, monkeypatch):
    device = GoldenBoard(CONFIG)
    with Board(LoopbackTransport(device.receive, name="golden")) as board:
        read = device.read_register
        told = {address(name) + n: word for n, word in enumerate(words)}
        with monkeypatch.context() as patched:
            patched.setattr(device, "read_register",
                            lambda at: told[at] if at in told else read(at))
            with pytest.raises(BoardError, match=said):
                board.status()


def test_tapes_broken_at_random(monkeypatch):
    """Golden and gateware say the same of each; tools/fuzz.py plays many more."""
    monkeypatch.syspath_prepend(TOOLS)
    from fuzz_tapes import TapeFuzz
    monkeypatch.delitem(sys.modules, "fuzz_tapes")
    fuzz = TapeFuzz(tiny_model(), CONFIG, seed=3)
    try:
        outcomes = fuzz.go(12)
    finally:
        fuzz.close()

    assert outcomes.total() == 12 and len(outcomes) == 4
