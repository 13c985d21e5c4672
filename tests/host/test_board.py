"""The Board over the golden model's link: upload, runs, and what it says when things are wrong."""

import sys
from pathlib import Path

import numpy as np
import pytest

from checkpoints import tiny_model
from trine.firmware.config import preset
from trine.firmware.registers import State, address
from trine.host.board import Board, BoardError
from trine.host.commands.selftest import compare
from trine.host.generate import Generation
from trine.host.links import DeviceError, LoopbackTransport
from trine.host.sampling import Sampling
from trine.sim.golden_board import GoldenBoard


@pytest.fixture
def device():
    return GoldenBoard(preset("tiny"))


@pytest.fixture
def board(device):
    with Board(LoopbackTransport(device.receive, name="golden")) as board:
        yield board


def test_configuration_comes_from_the_board(board):
    assert board.config.replace(name="tiny") == preset("tiny")


def test_upload_reports_every_byte_once(board):
    image, counts = tiny_model().image(board.config), []
    board.upload(image, counts.append)

    assert sum(counts) == len(image.data)


def test_second_upload_sends_nothing_again(board, device):
    image = tiny_model().image(board.config)
    board.upload(image)
    before = len(device.executed)
    board.upload(image)

    assert len(device.executed) - before < 20


def test_damaged_image_is_noticed(board, device):
    model = tiny_model()
    image = model.image(board.config)
    board.upload(image)
    device.memory[5000] ^= 4

    with pytest.raises(BoardError, match=r"memory differs from the image .* upload the model"):
        board.check_image(image)


def test_one_flipped_trit_fails_the_selftest(board, device):
    model = tiny_model()
    board.upload(model.image(board.config))
    assert compare(board, model, [0], 4, temperature=0, seed=1)["mismatches"] == 0
    # A byte of the head's weights, from one code to another.
    tape = board.image.tapes["token"]
    at = tape.base * board.config.memory_bytes + tape.size - 20
    device.memory[at] = 1 if device.memory[at] != 1 else 2
    device.machine.forget_tapes()

    assert compare(board, model, [0], 4, temperature=0, seed=1)["mismatches"] > 0


def test_no_model(board):
    with pytest.raises(BoardError, match="holds no model yet"):
        board.run("token")


def test_model_too_large_for_the_memory(board):
    image = tiny_model().image(board.config)
    big = type(image)(**{**vars(image), "state_bytes": 1 << 18})

    with pytest.raises(BoardError, match="bytes of memory, the board has 131072"):
        board.upload(big)


def test_foreign_device():
    device = GoldenBoard(preset("tiny"))
    device.registers[address("MAGIC")] = 0x12345678

    with pytest.raises(BoardError, match="The device on golden is no Trine board"):
        Board(LoopbackTransport(device.receive, name="golden"))


def test_other_gateware():
    device = GoldenBoard(preset("tiny"))
    device.registers[address("VERSION")] = 99

    with pytest.raises(BoardError, match=r"gateware version 99, this Trine needs .* program"):
        Board(LoopbackTransport(device.receive, name="golden"))


def test_board_that_contradicts_itself():
    device = GoldenBoard(preset("tiny"))
    device.registers[address("CONFIG_DIGEST")] ^= 1

    with pytest.raises(BoardError, match="does not agree with itself"):
        Board(LoopbackTransport(device.receive, name="golden"))


def test_boards_that_say_anything(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "tools")
    from fuzz_frames import HostileFuzz
    monkeypatch.delitem(sys.modules, "fuzz_frames")
    outcomes = HostileFuzz(tiny_model(), 2).go(100)

    assert min(outcomes["refused"], outcomes["taken"]) > 10


def test_temperature_out_of_the_boards_range(board):
    with pytest.raises(BoardError, match=r"Temperature 0\.001 is out of the board's range"):
        board.sample_on_board(0.001, 1)


def test_more_logits_than_the_board_keeps():
    device = GoldenBoard(preset("tiny").replace(logit_words=16))
    with Board(LoopbackTransport(device.receive, name="golden")) as board:
        model = tiny_model()
        board.upload(model.image(board.config))

        with pytest.raises(BoardError, match="The board keeps 16 logits of a token, the model has"):
            list(Generation(board, model, [0], 2, Sampling(top_k=0)))
        assert len(list(Generation(board, model, [0], 2, Sampling()))) == 2


def test_leaving_a_generation_leaves_the_board_idle(board):
    model = tiny_model()
    board.upload(model.image(board.config))
    generation = Generation(board, model, [0, 5], None, Sampling())
    for n, _ in enumerate(generation):
        if n == 3:
            break
    again = Generation(board, model, [0, 5], 4, Sampling())

    assert list(again) == generation.tokens
    assert board.status() == 0


def test_state_is_the_golden_state(board, device):
    model = tiny_model()
    board.upload(model.image(board.config))
    list(Generation(board, model, [0, 5, 6], 4, Sampling(temperature=0)))

    np.testing.assert_array_equal(board.state(), device.machine.state(board.image))


@pytest.mark.parametrize(("on_board", "prompt"), [
    (False, [0, 5]), (True, [0, 5]), (True, [0, *range(1, 25)])])
def test_the_end_token_ends_the_text(board, on_board, prompt):
    model = tiny_model()
    board.upload(model.image(board.config))

    def tokens(end):
        return list(Generation(board, model, prompt, 12, Sampling(temperature=0.9, seed=2),
                               on_board=on_board, end=end))

    whole = tokens(None)
    end = whole[7]
    assert tokens(end) == whole[:whole.index(end)]


def test_selftest_counts_a_state_that_differs(board, monkeypatch):
    model = tiny_model()
    board.upload(model.image(board.config))
    state = board.state
    monkeypatch.setattr(board, "state", lambda: state() + 1)

    result = compare(board, model, [0], 4, temperature=0, seed=1)
    assert (result["mismatches"], result["state_equal"]) == (1, False)


class Interrupted(LoopbackTransport):
    """A line on which an exception breaks off the read after ``reads`` others."""

    def __init__(self, answer, error):
        super().__init__(answer, name="golden")
        self.error, self.reads = error, None

    def read(self, timeout):
        if self.reads is not None:
            self.reads -= 1
            if self.reads < 0:
                self.reads = None
                raise self.error
        return super().read(timeout)


@pytest.mark.parametrize("reads", (0, 1, 20, 41))
@pytest.mark.parametrize("on_board", [False, True])
def test_ctrl_c_in_the_middle_of_a_command(device, reads, on_board):
    model, line = tiny_model(), Interrupted(device.receive, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), Board(line) as board:
        board.upload(model.image(board.config))
        line.reads = reads
        list(Generation(board, model, [0, 5], None, Sampling(seed=1), on_board=on_board))

    assert device.state == State.IDLE
    with Board(line) as board:
        board.upload(model.image(board.config))
        assert compare(board, model, [0], 4, temperature=0, seed=1)["mismatches"] == 0


def test_the_first_thing_that_went_wrong_is_told(device):
    line = Interrupted(device.receive, DeviceError("The serial port golden is gone"))
    with pytest.raises(DeviceError, match="golden is gone"), Board(line) as board:
        board.upload(tiny_model().image(board.config))
        line.reads = 3
        line.write = lambda data: None  # nothing answers any more
        board.connection.timeout = 0.01
        board.run("load")
