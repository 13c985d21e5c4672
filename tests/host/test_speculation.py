"""Speculation gives the text of plain decoding, whatever is drafted."""

from dataclasses import replace

import numpy as np
import pytest

from checkpoints import tiny_model
from slot_boards import golden_board
from trine.firmware.registers import State
from trine.host.board import BoardError
from trine.host.draft import PromptLookup
from trine.host.generate import Generation
from trine.host.sampling import Sampling
from trine.host.speculation import Speculation


@pytest.fixture(scope="module")
def boards():
    boards = {slots: golden_board(slots) for slots in (1, 2, 3, 8)}
    yield boards
    for board in boards.values():
        board.close()


class Oracle(PromptLookup):
    """Drafts that are right with a given chance, for they know the text."""

    text, chance, rng = (), 1.0, None

    def propose(self, count):
        start = len(self.tokens)
        right = self.text[start:start + count]
        return [token if self.rng.random() < self.chance else (token + 1) % 29 for token in right]


@pytest.mark.parametrize("seed", range(10))
def test_the_text_is_that_of_plain_decoding(seed, boards):
    rng = np.random.default_rng(seed)
    phrase = rng.integers(1, 29, 6).tolist()
    prompt = [0, *(phrase * 6)[:int(rng.choice([0, 1, 7, 30]))]]
    sampling = Sampling(temperature=float(rng.choice([0, 0.1, 0.9])),
                        top_k=int(rng.choice([0, 40])), seed=int(rng.integers(1 << 32)),
                        repeat_penalty=float(rng.choice([1, 1.3])))
    settings = {"prompt": prompt, "count": int(rng.choice([0, 1, 3, 24])),
                "on_board": bool(seed % 2), "end": int(rng.choice([3, 40]))}
    plain = list(Generation(boards[1], tiny_model(), sampling=replace(sampling), **settings))

    Oracle.text, Oracle.rng, Oracle.chance = prompt + plain, rng, float(rng.choice([0, 0.5, 1]))
    for lookup in PromptLookup, Oracle:
        for slots in 2, 3, 8:
            speculation = Speculation(boards[slots], tiny_model(), sampling=replace(sampling),
                                      lookup=lookup, **settings)
            assert list(speculation) == speculation.tokens == plain
            assert boards[slots].status() == State.IDLE
            assert 0 <= speculation.accepted <= speculation.drafted


def test_right_drafts_fill_the_slots_and_wrong_ones_cost_nothing_but_time(boards):
    plain = list(Generation(boards[1], tiny_model(), [0, 5], 24, Sampling(temperature=0)))
    Oracle.text, Oracle.rng = [0, 5, *plain], np.random.default_rng(0)
    for Oracle.chance, plays, accepted in (1.0, 8, 16), (0.0, 24, 0):
        speculation = Speculation(boards[3], tiny_model(), [0, 5], 24, Sampling(temperature=0),
                                  lookup=Oracle)
        assert list(speculation) == plain
        assert (speculation.plays, speculation.accepted) == (plays, accepted)


def test_fewer_drafts_than_slots(boards):
    plain = list(Generation(boards[1], tiny_model(), [0, 5], 24, Sampling(temperature=0)))
    Oracle.text, Oracle.rng, Oracle.chance = [0, 5, *plain], np.random.default_rng(0), 1.0
    speculation = Speculation(boards[8], tiny_model(), [0, 5], 24, Sampling(temperature=0),
                              lookup=Oracle, drafts=2)
    assert list(speculation) == plain and speculation.plays == 8


def test_a_board_without_room_for_the_prefill_tape(boards):
    prompt = [0, *range(1, 20)]
    plain = list(Generation(boards[1], tiny_model(), prompt, 6, Sampling(temperature=0)))
    with golden_board(3) as board:
        del board.image.tapes["prefill"]
        assert list(Generation(board, tiny_model(), prompt, 6, Sampling(temperature=0))) == plain
        assert list(Speculation(board, tiny_model(), prompt, 6, Sampling(temperature=0))) == plain


def test_leaving_in_the_middle_leaves_the_board_idle(boards):
    whole = list(Generation(boards[1], tiny_model(), [0, 5], 9, Sampling(temperature=0)))
    for n, _ in enumerate(Speculation(boards[3], tiny_model(), [0, 5], None,
                                      Sampling(temperature=0))):
        if n == 4:
            break
    assert boards[3].status() == State.IDLE
    assert list(Speculation(boards[3], tiny_model(), [0, 5], 9, Sampling(temperature=0))) == whole


def test_boards_without_a_slot_for_the_draft(boards):
    with pytest.raises(BoardError, match="needs two slots or more, this board has one"):
        Speculation(boards[1], tiny_model(), [0], 4, Sampling())
    with pytest.raises(BoardError, match="3 tokens needs 4 slots, this board has 3; draft 2 at"):
        Speculation(boards[3], tiny_model(), [0], 4, Sampling(), drafts=3)
