"""Candidates against their golden model."""

import random
from itertools import pairwise

import numpy as np
import pytest

from bench import simulate, stream_put
from conversion import convert
from trine.hw.candidates import Candidates
from trine.sim.golden.candidates import candidates

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


async def read(ctx, dut, slot):
    """Read all places of a slot, one a clock, and return (logit, row) best first."""
    found = []
    ctx.set(dut.slot, slot)
    for index in range(dut.depth + dut.read_latency):
        ctx.set(dut.index, index % dut.depth)
        if index >= dut.read_latency:
            found.append((ctx.get(dut.logit), ctx.get(dut.row)))
        await ctx.tick()
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    count = ctx.get(dut.count[slot])
    assert found[count:] == [(INT32_MIN, (1 << 18) - 1)] * (dut.depth - count)
    return found[:count]


def check(dut, tokens, *, stall=0.0):
    """Feed each list of (slot, logit) as one token; compare every slot after each of them."""
    rng = random.Random(0)

    async def drive(ctx):
        for token in tokens:
            ctx.set(dut.clear, (1 << dut.slots) - 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            logits = [[] for _ in range(dut.slots)]
            for slot, logit in token:
                while rng.random() < stall:
                    await ctx.tick()
                row = len(logits[slot])
                await stream_put(ctx, dut.i, {"slot": slot, "row": row, "logit": logit})
                logits[slot].append(logit)
            await ctx.tick().until(dut.idle)
            for slot, mine in enumerate(logits):
                expected = candidates(np.array(mine, np.int64))[:dut.depth]
                assert await read(ctx, dut, slot) == expected

    simulate(dut, drive)


def values(rng, kind, n):
    if kind == "rising":
        return list(range(-n, 0))
    if kind == "falling":
        return list(range(n, 0, -1))
    if kind == "equal":
        return [INT32_MIN] * n
    low, high = {"few": (-2, 2), "all": (INT32_MIN, INT32_MAX)}[kind]
    return [rng.randint(low, high) for _ in range(n)]


@pytest.mark.parametrize("kind", ["rising", "falling", "equal", "few", "all"])
def test_matches_golden(kind):
    rng = random.Random(1)

    check(Candidates(slots=1), [[(0, logit) for logit in values(rng, kind, n)]
                                for n in (150, 1, 64)])


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("stall", [0.0, 0.8])
def test_small_trees_and_slots_that_take_turns(slots, depth, stall):
    rng = random.Random(depth)
    tokens = [[(rng.randrange(slots), logit) for logit in values(rng, kind, n)]
              for kind in ("few", "all", "rising") for n in (0, 1, depth - 1, 40)]

    check(Candidates(slots=slots, depth=depth), tokens, stall=stall)


def test_three_slots_row_by_row():
    rng = random.Random(3)

    check(Candidates(slots=3), [[(slot, logit) for logit in values(rng, "all", 80)
                                 for slot in range(3)]])


def test_extremes_and_ties():
    logits = [INT32_MIN, INT32_MAX, -1, 0, INT32_MAX, INT32_MIN, 0, -1]

    check(Candidates(slots=1, depth=4), [[(0, logit) for logit in logits],
                                         [(0, logit) for logit in reversed(logits)]])


@pytest.mark.parametrize("slots, depth", [(1, 64), (3, 4)])
def test_intervals(slots, depth):
    dut = Candidates(slots=slots, depth=depth)
    taken = []

    async def drive(ctx):
        while not ctx.get(dut.idle):
            await ctx.tick()
        ctx.set(dut.clear, (1 << dut.slots) - 1)
        ctx.set(dut.i.valid, 1)
        for cycle in range(dut.clear_time + 4 * dut.interval):
            # Better and better rows, which go all the way.
            ctx.set(dut.i.payload, {"slot": 0, "row": cycle, "logit": cycle})
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            ctx.set(dut.clear, 0)
            if ready:
                taken.append(cycle)

    simulate(dut, drive)
    assert taken == [dut.clear_time + n * dut.interval for n in range(4)]


def test_a_change_of_the_slot_takes_longer():
    dut = Candidates(slots=3, depth=4)
    slots = [0, 0, 2, 2, 1, 0]
    taken = []

    async def drive(ctx):
        await ctx.tick().until(dut.idle)
        ctx.set(dut.i.valid, 1)
        for row, slot in enumerate(slots):
            ctx.set(dut.i.payload, {"slot": slot, "row": row, "logit": row})
            clocks, ready = 0, 0
            while not ready:
                _, _, ready = await ctx.tick().sample(dut.i.ready)
                clocks += 1
            taken.append(clocks)

    simulate(dut, drive)
    assert taken[1:] == [dut.interval + dut.switch_time * (slot != before)
                         for before, slot in pairwise(slots)]


def test_it_takes_at_most_ten_clocks_a_row():
    assert Candidates(slots=1).interval <= 10


def test_a_clear_may_be_repeated():
    dut = Candidates(slots=1, depth=4)

    async def drive(ctx):
        await stream_put(ctx, dut.i, {"slot": 0, "row": 0, "logit": 5})
        await ctx.tick().until(dut.idle)
        for pause in range(7):
            ctx.set(dut.clear, (1 << dut.slots) - 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            await ctx.tick().repeat(pause + 1)
        await ctx.tick().until(dut.idle)
        for row in range(5):
            await stream_put(ctx, dut.i, {"slot": 0, "row": row, "logit": row})
        await ctx.tick().until(dut.idle)
        assert await read(ctx, dut, 0) == [(row, row) for row in (4, 3, 2, 1)]

    simulate(dut, drive)


def test_rejects_wrong_sizes():
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        Candidates(slots=0)
    for depth in (2, 48):
        with pytest.raises(ValueError, match=rf"power of two, 4 or more, not {depth}$"):
            Candidates(slots=1, depth=depth)


def test_converts():
    for slots in (1, 3):
        assert "player" in convert(Candidates(slots=slots))
