"""A stream that was saved goes on elsewhere as if nothing had happened."""

from itertools import islice

import numpy as np
import pytest

from checkpoints import random_model, tiny_model
from trine.firmware.config import preset
from trine.host import Generation, Sampling, StreamState, restore_stream, save_stream
from trine.host.board import Board
from trine.host.links import LoopbackTransport
from trine.host.model import Model
from trine.host.simulated import SimulatedTransport
from trine.sim.golden_board import GoldenBoard

PROMPT = [0, 5, 9, 3, 14]
TWO_SLOTS = preset("tiny").replace(slots=2)


def golden(config=TWO_SLOTS):
    board = Board(LoopbackTransport(GoldenBoard(config).receive), "assumed")
    return board.upload(tiny_model().image(config))


def text(board, prompt, count, **options):
    generation = Generation(board, tiny_model(), prompt, count, Sampling(temperature=0), **options)
    return list(islice(generation, count))


@pytest.fixture(scope="module")
def whole():
    """Return twelve tokens that follow the prompt."""
    with golden() as board:
        return text(board, PROMPT, 12)


def test_text_goes_on_in_another_slot_and_on_another_board(whole):
    with golden() as board:
        first = text(board, PROMPT, 5)
        saved = save_stream(board, tiny_model())
        # The fifth token was sampled and not yet taken.
        assert first == whole[:5] and saved.position == len(PROMPT) + 4
        other = text(board, [0, 7, 7, 7], 6, slot=1)
        restore_stream(board, tiny_model(), saved, slot=1)
        assert text(board, first[-1:], 7, slot=1, fresh=False) == whole[5:]
        # What the other slot remembers was not touched.
        assert text(board, first[-1:], 3, fresh=False) == whole[5:8]
        assert other == text(board, [0, 7, 7, 7], 6)
    data = saved.to_bytes()
    assert len(data) == 24 + 4 * 2 * 24
    with golden(preset("tiny")) as board:
        restore_stream(board, tiny_model(), StreamState.from_bytes(data))
        assert text(board, first[-1:], 7, fresh=False, on_board=True) == whole[5:]


def test_gateware_goes_on_where_golden_stopped(whole):
    with golden() as board:
        first = text(board, PROMPT, 5)
        saved = save_stream(board, tiny_model())
    config = preset("tiny")
    with Board(SimulatedTransport(config), "assumed") as board:
        board.upload(tiny_model().image(config))
        restore_stream(board, tiny_model(), saved)
        assert text(board, first[-1:], 4, fresh=False) == whole[5:9]
        again = save_stream(board, tiny_model())
    assert again.position == saved.position + 4 and again.model == saved.model


def test_new_stream_has_no_state():
    with golden() as board:
        text(board, PROMPT, 3)
        saved = save_stream(board, tiny_model(), slot=1)

    assert saved.position == 0 and not saved.values.any() and len(saved.values) == 48


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:-1], lambda data: b"x" + data[1:],
    lambda data: data[:30] + bytes([data[30] ^ 4]) + data[31:], lambda data: data + b"\0"])
def test_damaged_state_is_refused(damage):
    data = StreamState(1, 2, np.arange(48, dtype="<i4")).to_bytes()

    assert StreamState.from_bytes(data).values.tolist() == list(range(48))
    with pytest.raises(ValueError, match="saved state of a stream is damaged"):
        StreamState.from_bytes(damage(data))


def test_other_model_is_refused():
    other = Model.from_integers(random_model(24, 52, 2, 29, 8), tiny_model().tokenizer)
    with golden() as board:
        text(board, PROMPT, 2)
        saved = save_stream(board, tiny_model())
        with pytest.raises(ValueError, match="belongs to another model"):
            restore_stream(board, other, saved)
