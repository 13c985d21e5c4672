"""Argmax and its pipelined twin against NumPy's, which also gives the first of equal ones."""

import random

import numpy as np
import pytest

from bench import simulate
from conversion import convert
from trine.hw.argmax import Argmax
from trine.hw.argmax_pipeline import ArgmaxPipeline


def check(dut, tokens, interval=2):
    """Feed each list of rows as one token, as fast as they may come."""
    every = (1 << dut.slots) - 1

    async def drive(ctx):
        best = [0] * dut.slots
        for n, rows in enumerate(tokens):
            # Slots that are not cleared keep their token, and take no rows.
            mask = every if n % 3 == 0 else random.Random(n).randrange(every + 1)
            rows = [row for row in rows if mask >> row["slot"] & 1]
            ctx.set(dut.clear, mask)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for row in rows:
                ctx.set(dut.i.payload, row)
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
                if interval > 1:
                    ctx.set(dut.i.valid, 0)
                    await ctx.tick().repeat(interval - 1)
            ctx.set(dut.i.valid, 0)
            for _ in range(dut.latency - interval):
                await ctx.tick()
            for slot in range(dut.slots):
                mine = [row for row in rows if row["slot"] == slot]
                if mask >> slot & 1:
                    best[slot] = (mine[np.argmax([row["score"] for row in mine])]["row"]
                                  if mine else 0)
                assert ctx.get(dut.token[slot]) == best[slot]

    simulate(dut, drive)


@pytest.mark.parametrize("component, interval", [(Argmax, 2), (ArgmaxPipeline, 1)])
@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("low, high", [(-(1 << 40), (1 << 40) - 1), (-2, 2), (5, 5),
                                       (-(1 << 40), -(1 << 40))])
def test_matches_numpy(slots, low, high, component, interval):
    rng = random.Random(low)
    tokens = [[{"slot": rng.randrange(slots), "row": row, "score": rng.randint(low, high)}
               for row in range(n)] for n in (40, 1, 0, 40, 30, 20)]

    check(component(slots=slots), tokens, interval)


@pytest.mark.parametrize("component, interval", [(Argmax, 2), (ArgmaxPipeline, 1)])
def test_extremes(component, interval):
    scores = [-(1 << 40), -1, 0, (1 << 40) - 1, (1 << 40) - 1]

    check(component(slots=1), [[{"slot": 0, "row": (1 << 18) - 5 + n, "score": score}
                             for n, score in enumerate(order)]
                            for order in (scores, scores[::-1])], interval)


@pytest.mark.parametrize("component", [Argmax, ArgmaxPipeline])
def test_rejects_no_slots(component):
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        component(slots=0)


def test_converts():
    for slots in (1, 3):
        assert "scored" in convert(Argmax(slots=slots))
        assert "scored" in convert(ArgmaxPipeline(slots=slots))
