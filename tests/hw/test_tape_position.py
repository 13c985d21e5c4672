"""TapePosition against sums of what was taken."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.firmware.config import preset
from trine.hw.tape_position import TapePosition

CONFIG = preset("tiny")


@pytest.mark.parametrize("bursts", [1, 2, 5])
@pytest.mark.parametrize("out_bytes", [1, 4])
def test_counts_and_compares(bursts, out_bytes):
    dut = TapePosition(config=CONFIG, out_bytes=out_bytes)
    rng = Random(bursts)
    size = bursts * CONFIG.burst_bytes

    async def machine(ctx):
        for _ in range(20):
            ctx.set(dut.bursts, bursts)
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)
            arrived = taken = 0
            # `counted` is what the outputs know of.
            counted, known_here = [0] * dut.latency, [False] * 6
            while counted[0] < size + 3 * CONFIG.burst_bytes:
                available = min(arrived - taken, 4 * CONFIG.word_bytes)
                take = rng.randint(0, min(available, out_bytes))
                ctx.set(dut.available, available)
                ctx.set(dut.take, take)
                known_here = [*known_here[1:], taken + available >= size]
                taken += take
                counted = [*counted[1:], taken]
                if rng.random() < 0.6:
                    arrived += CONFIG.word_bytes
                await ctx.tick()
                assert ctx.get(dut.position) == counted[0]
                assert ctx.get(dut.over) == (counted[0] >= size)
                assert ctx.get(dut.beyond) == (counted[0] > size)
                # Never too early, and not very late.
                assert ctx.get(dut.all_here) <= known_here[-1]
                assert ctx.get(dut.all_here) >= known_here[0]
            # The next round begins without bytes, unlike the next play of a tape.
            ctx.set(dut.take, 0)
            ctx.set(dut.available, 0)
            await ctx.tick().repeat(3)

    simulate(dut, machine)


def test_rejects_short_bursts():
    with pytest.raises(ValueError, match="A burst must have 20 bytes or more for 5 bytes a clock, "
                                         "not 16"):
        TapePosition(config=CONFIG, out_bytes=5)


def test_converts():
    rtlil.convert(TapePosition(config=preset("ulx3s"), out_bytes=4), name="top")
