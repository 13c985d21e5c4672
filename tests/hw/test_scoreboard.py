"""Scoreboard: random writers against a queue of their registers."""

import random
from collections import deque

import pytest

from bench import simulate
from conversion import convert
from trine.hw.scoreboard import Scoreboard


@pytest.mark.parametrize("depth, registers", [(2, 2), (4, 3), (16, 64)])
def test_what_is_under_way_is_pending(depth, registers):
    rng = random.Random(depth)
    dut = Scoreboard(depth=depth, registers=registers)
    under_way = deque()
    expected = deque([0] * dut.latency)
    counts = {"put": 0, "take": 0}

    async def drive(ctx):
        for cycle in range(600):
            # Full for a while, then empty for a while.
            eager = 0.8 if cycle & 64 else 0.3
            put = len(under_way) < depth and rng.random() < eager
            take = bool(under_way) and rng.random() < 0.5
            reg = rng.randrange(registers)
            asked = rng.choice([rng.randrange(registers), *under_way])
            ctx.set(dut.put, put)
            ctx.set(dut.put_reg, reg)
            ctx.set(dut.take, take)
            ctx.set(dut.reg, asked)
            expected.append(asked != 0 and asked in under_way)
            await ctx.tick()
            if take:
                under_way.popleft()
            if put:
                under_way.append(reg)
            counts["put"] += put
            counts["take"] += take
            expected.popleft()
            assert ctx.get(dut.pending) == expected[0]
            assert ctx.get(dut.put_at) == counts["put"] % depth
            assert ctx.get(dut.take_at) == counts["take"] % depth

    simulate(dut, drive)


def test_rejects_wrong_sizes():
    with pytest.raises(ValueError, match=r"^Register count must be 2 or more, not 1$"):
        Scoreboard(depth=2, registers=1)
    for depth in (1, 12):
        with pytest.raises(ValueError, match=rf"power of two, 2 or more, not {depth}$"):
            Scoreboard(depth=depth, registers=1)


def test_converts():
    assert "reg_15" in convert(Scoreboard(depth=16, registers=64))
