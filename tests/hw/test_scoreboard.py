"""Scoreboard: random writers against a queue of their registers."""

import random
from collections import deque

import pytest

from bench import simulate
from conversion import convert
from trine.hw.scoreboard import Scoreboard


@pytest.mark.parametrize("depth, registers", [(2, 1), (4, 3), (16, 64)])
def test_what_is_under_way_is_pending(depth, registers):
    rng = random.Random(depth)
    dut = Scoreboard(depth=depth, registers=registers)
    under_way = deque()

    async def drive(ctx):
        for cycle in range(200):
            # Full for a while, then empty for a while.
            eager = 0.8 if cycle & 64 else 0.3
            put = len(under_way) < depth and rng.random() < eager
            take = bool(under_way) and rng.random() < 0.5
            reg = rng.randrange(registers)
            ctx.set(dut.put, put)
            ctx.set(dut.put_reg, reg)
            ctx.set(dut.take, take)
            await ctx.tick()
            if take:
                under_way.popleft()
            if put:
                under_way.append(reg)
            for reg in {*under_way, *(rng.randrange(registers) for _ in range(3))}:
                ctx.set(dut.reg, reg)
                assert ctx.get(dut.pending) == (reg in under_way)

    simulate(dut, drive)


def test_rejects_wrong_sizes():
    with pytest.raises(ValueError, match=r"^Register count must be positive, not 0$"):
        Scoreboard(depth=2, registers=0)
    for depth in (1, 12):
        with pytest.raises(ValueError, match=rf"power of two, 2 or more, not {depth}$"):
            Scoreboard(depth=depth, registers=1)


def test_converts():
    assert "under_way_15" in convert(Scoreboard(depth=16, registers=64))
