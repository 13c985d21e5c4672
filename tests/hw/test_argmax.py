"""Argmax against NumPy's, which also gives the first of equal ones."""

import random

import numpy as np
import pytest

from bench import simulate
from conversion import convert
from trine.hw.argmax import Argmax


def check(dut, tokens):
    """Feed each list of rows as one token, as fast as they may come."""
    async def drive(ctx):
        for rows in tokens:
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for row in rows:
                ctx.set(dut.i.payload, row)
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
                await ctx.tick().repeat(dut.interval - 1)
            for slot in range(dut.slots):
                mine = [row for row in rows if row["slot"] == slot]
                best = mine[np.argmax([row["score"] for row in mine])]["row"] if mine else 0
                assert ctx.get(dut.token[slot]) == best

    simulate(dut, drive)


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("low, high", [(-(1 << 40), (1 << 40) - 1), (-2, 2), (5, 5),
                                       (-(1 << 40), -(1 << 40))])
def test_matches_numpy(slots, low, high):
    rng = random.Random(low)
    tokens = [[{"slot": rng.randrange(slots), "row": row, "score": rng.randint(low, high)}
               for row in range(n)] for n in (40, 1, 0, 40)]

    check(Argmax(slots=slots), tokens)


def test_extremes():
    scores = [-(1 << 40), -1, 0, (1 << 40) - 1, (1 << 40) - 1]

    check(Argmax(slots=1), [[{"slot": 0, "row": (1 << 18) - 5 + n, "score": score}
                             for n, score in enumerate(order)]
                            for order in (scores, scores[::-1])])


def test_rejects_no_slots():
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        Argmax(slots=0)


def test_converts():
    for slots in (1, 3):
        assert "scored" in convert(Argmax(slots=slots))
