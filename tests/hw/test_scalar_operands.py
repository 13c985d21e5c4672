"""ScalarOperands: fetches every active slot's scalar once nothing is pending."""

from random import Random

import pytest

from bench import plain, simulate
from conversion import convert
from trine.hw.scalar_operands import ScalarOperands


def registers(scalars, pending=lambda slot: 0):
    """Serve the read port with two clocks of latency; what is pending has no meaning yet."""
    async def testbench(ctx):
        dut, earlier = scalars["dut"], None
        while True:
            _, _, slot, reg = await ctx.tick().sample(dut.scalar_slot, dut.scalar_reg)
            if earlier is not None:
                waits = pending(earlier[0])
                mantissa, exponent = (12345, -7) if waits else scalars[earlier]
                ctx.set(dut.scalar_pending, waits)
                ctx.set(dut.scalar_m, mantissa)
                ctx.set(dut.scalar_e, exponent)
            earlier = slot, reg
    return testbench


def factor(scalar):
    mantissa, exponent = scalar
    return {"mantissa": mantissa if exponent > -64 else 0, "shift": -exponent & 63,
            "left": int(exponent > 0)}


async def fetch(ctx, dut, reg, active):
    """Start, and return the clocks until all active slots are loaded."""
    ctx.set(dut.active, active)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    ctx.set(dut.reg, reg)
    clocks = loaded = 0
    while not ctx.get(dut.all_loaded):
        loaded += ctx.get(dut.loaded)
        await ctx.tick()
        clocks += 1
        assert clocks < 500
    assert loaded == active.bit_count()
    return clocks


@pytest.mark.parametrize("slots", [1, 3])
def test_factors(slots):
    rng = Random(slots)
    dut = ScalarOperands(slots=slots)
    scalars = {(slot, reg): (rng.randrange(1 << 30, 1 << 31), exponent) for slot in range(slots)
               for reg, exponent in enumerate([0, 1, 511, -1, -31, -62, -63, -64, -65, -511, -512])}
    scalars |= {(slot, 11): (0, -512) for slot in range(slots)} | {"dut": dut}

    async def testbench(ctx):
        for reg in range(12):
            active = rng.randrange(1, 1 << slots)
            clocks = await fetch(ctx, dut, reg, active)
            assert clocks == active.bit_count() * dut.latency
            for slot in (slot for slot in range(slots) if active >> slot & 1):
                ctx.set(dut.slot, slot)
                await ctx.tick()
                got = plain(ctx.get(dut.factor))
                expected = factor(scalars[slot, reg])
                assert got["mantissa"] == expected["mantissa"]
                assert got["left"] == expected["left"]
                # The shift of nothing, and of what is limited anyway, means nothing.
                assert got["left"] or not got["mantissa"] or got["shift"] == expected["shift"]

    simulate(dut, testbench, background=[registers(scalars)])


def test_waits_while_pending():
    dut = ScalarOperands(slots=3)
    rng = Random(5)
    scalars = {(slot, reg): (1 << 30 | slot << 8 | reg, -reg) for slot in range(3)
               for reg in range(64)} | {"dut": dut}

    async def testbench(ctx):
        for reg in range(1, 20):
            assert await fetch(ctx, dut, reg, 0b111) >= 3 * dut.latency
            for slot in range(3):
                ctx.set(dut.slot, slot)
                await ctx.tick()
                assert plain(ctx.get(dut.factor)) == factor(scalars[slot, reg])

    simulate(dut, testbench, background=[registers(scalars, lambda slot: rng.random() < 0.7)])


def test_converts():
    convert(ScalarOperands(slots=1))
    convert(ScalarOperands(slots=16))
