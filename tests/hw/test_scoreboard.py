"""Scoreboard: random writers against a model that knows the last writer of each register."""

import random

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.hw.scoreboard import Scoreboard


def test_only_the_last_writer_releases():
    rng = random.Random(3)
    dut = Scoreboard(depth=4, tags=8)
    under_way, last = {}, {}

    async def drive(ctx):
        for _ in range(400):
            free = [tag for tag in range(8) if tag not in under_way]
            marks = bool(free) and rng.random() < 0.5
            releases = bool(under_way) and rng.random() < 0.5
            done = rng.choice(sorted(under_way)) if under_way else 0
            register, tag = rng.randrange(4), rng.choice(free) if free else 0
            ctx.set(dut.mark, marks)
            ctx.set(dut.mark_reg, register)
            ctx.set(dut.mark_tag, tag)
            ctx.set(dut.release, releases)
            ctx.set(dut.release_reg, under_way.get(done, 0))
            ctx.set(dut.release_tag, done)
            await ctx.tick()
            if releases:
                if last.get(under_way[done]) == done:
                    del last[under_way[done]]
                del under_way[done]
            if marks:
                under_way[tag] = register
                last[register] = tag
            for register in range(4):
                ctx.set(dut.reg, register)
                assert ctx.get(dut.pending) == (register in last)

    simulate(dut, drive)


def test_rejects_no_registers_and_no_tags():
    with pytest.raises(ValueError, match=r"^Register count must be positive, not 0$"):
        Scoreboard(depth=0, tags=1)
    with pytest.raises(ValueError, match=r"^Tag count must be positive, not 0$"):
        Scoreboard(depth=1, tags=0)


def test_converts():
    assert "waiting" in rtlil.convert(Scoreboard(depth=64, tags=17))
