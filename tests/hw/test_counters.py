"""Counters against Python integers."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import bus_read, simulate
from trine.firmware.registers import Counter
from trine.hw.counters import Counters

WORD = (1 << 32) - 1


@pytest.mark.parametrize("saturations", [1, 8])
def test_counts_every_event(saturations):
    dut = Counters(saturations=saturations)
    counts = dict.fromkeys(Counter, 0)

    async def machine(ctx):
        rng = Random(1)
        rates = {counter: rng.random() for counter in Counter} | {Counter.CYCLES: 1.0,
                                                                  Counter.TOKENS: 0.0,
                                                                  Counter.SATURATIONS: 1.0}
        for _ in range(400):
            events = {counter.name: int(rng.random() < rate) for counter, rate in rates.items()}
            # As many as there may be, for longer than the scan takes to come by.
            events["SATURATIONS"] *= saturations
            for counter in Counter:
                counts[counter] += events[counter.name]
            ctx.set(dut.events, events)
            await ctx.tick()
        ctx.set(dut.events, dict.fromkeys(events, 0))
        await ctx.tick().repeat(dut.lag)
        for counter in Counter:
            assert await bus_read(ctx, dut.bus, 2 * counter) == counts[counter]
            assert await bus_read(ctx, dut.bus, 2 * counter + 1) == 0
        assert await bus_read(ctx, dut.bus, 2 * len(Counter)) == 0

    simulate(dut, machine)


def test_both_words_are_of_one_moment():
    dut = Counters()

    async def machine(ctx):
        # The low word of one counter is close to its end; it goes over while it is read.
        await ctx.tick()
        ctx.set(dut._storage._storage.data[2 * Counter.ARRAY_BUSY], WORD - 150)
        ctx.set(dut._storage._storage.data[2 * Counter.ARRAY_BUSY + 1], 6)
        ctx.set(dut.events, {Counter.ARRAY_BUSY.name: 1})
        last = 0
        for _ in range(8):
            low = await bus_read(ctx, dut.bus, 2 * Counter.ARRAY_BUSY)
            await ctx.tick().repeat(7)
            high = await bus_read(ctx, dut.bus, 2 * Counter.ARRAY_BUSY + 1)
            assert 0 < (high << 32 | low) - last
            assert (high << 32 | low) - last < 100 or not last
            last = high << 32 | low
        assert last > 7 << 32

    simulate(dut, machine)


def test_converts():
    rtlil.convert(Counters(), name="counters")
