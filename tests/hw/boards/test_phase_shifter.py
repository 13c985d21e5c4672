"""PhaseShifter: falling edges counted, as the PLL counts them."""

from random import Random

import pytest
from amaranth import *
from amaranth.lib import wiring

from bench import bus_read, bus_write, simulate
from conversion import convert
from trine.firmware.registers import PAGES, address
from trine.hw.boards.phase_shifter import PhaseShifter
from trine.hw.link.bus import RegisterBus


def place(name):
    return address(name) - PAGES["clock"].address


class Resettable(wiring.Component):
    """The component with a reset that its test gives."""

    bus: wiring.In(RegisterBus)
    reset: wiring.In(1)
    step: wiring.Out(1)
    moved: wiring.Out(1)

    def __init__(self, **options):
        self.shifter = PhaseShifter(**options)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.shifter = ResetInserter(self.reset)(self.shifter)
        wiring.connect(m, wiring.flipped(self.bus), self.shifter.bus)
        m.d.comb += [self.step.eq(self.shifter.step), self.moved.eq(self.shifter.moved)]
        return m


def watch(dut, testbench, *, steps):
    """Run ``testbench(ctx, pll)``; ``pll`` holds the phase, clocks of each level and moves."""
    pll = {"phase": 0, "levels": [], "moves": 0}

    async def count(ctx):
        level, since = 0, 0
        async for _, _, step, moved in ctx.tick().sample(dut.step, dut.moved):
            since += 1
            pll["moves"] += moved
            if step != level:
                pll["phase"] = (pll["phase"] + (level and not step)) % steps
                pll["levels"].append(since)
                level, since = step, 0

    async def bench(ctx):
        await testbench(ctx, pll)

    simulate(dut, bench, background=[count])
    return pll


async def until_there(ctx, dut, target):
    await bus_write(ctx, dut.bus, place("PHASE_TARGET"), target)
    while await bus_read(ctx, dut.bus, place("PHASE")) != target:
        pass
    await ctx.tick().repeat(4)


@pytest.mark.parametrize("steps", [40, 48])
def test_goes_where_it_is_told(steps):
    dut = PhaseShifter(steps=steps, built=7)
    rng = Random(steps)

    async def testbench(ctx, pll):
        assert await bus_read(ctx, dut.bus, place("PHASE_STEPS")) == steps
        assert await bus_read(ctx, dut.bus, place("PHASE_BUILT")) == 7
        moves = 0
        for target in [1, 0, steps - 1, steps - 1, *(rng.randrange(steps) for _ in range(5)), 0]:
            moves += target != pll["phase"]
            await until_there(ctx, dut, target)
            assert (pll["phase"], pll["moves"]) == (target, moves)
            assert await bus_read(ctx, dut.bus, place("PHASE_TARGET")) == target

    pll = watch(dut, testbench, steps=steps)
    assert min(pll["levels"]) >= 8


def test_is_drawn_elsewhere_on_its_way():
    dut = PhaseShifter(steps=48)

    async def testbench(ctx, pll):
        await bus_write(ctx, dut.bus, place("PHASE_TARGET"), 30)
        await ctx.tick().repeat(100)
        await until_there(ctx, dut, 3)
        assert (pll["phase"], pll["moves"]) == (3, 1)

    watch(dut, testbench, steps=48)


def test_what_is_no_phase_is_dropped():
    dut = PhaseShifter(steps=40)

    async def testbench(ctx, pll):
        for target in (40, 63, 64, 1 << 16, (1 << 32) - 1):
            await bus_write(ctx, dut.bus, place("PHASE_TARGET"), target)
        await bus_write(ctx, dut.bus, place("PHASE"), 3)
        await ctx.tick().repeat(64)
        assert await bus_read(ctx, dut.bus, place("PHASE_TARGET")) == 0
        assert pll["levels"] == []

    watch(dut, testbench, steps=40)


def test_a_reset_loses_no_step():
    dut = Resettable(steps=48)

    async def testbench(ctx, pll):
        await bus_write(ctx, dut.bus, place("PHASE_TARGET"), 20)
        for wait in (30, 7, 16, 23, 1):
            await ctx.tick().repeat(wait)
            ctx.set(dut.reset, 1)
            await ctx.tick().repeat(3)
            ctx.set(dut.reset, 0)
        await until_there(ctx, dut, 20)
        assert pll["phase"] == 20

    watch(dut, testbench, steps=48)


def test_nothing_to_shift():
    dut = PhaseShifter(steps=0)

    async def testbench(ctx, pll):
        for name in ("PHASE_STEPS", "PHASE_BUILT", "PHASE_TARGET", "PHASE"):
            await bus_write(ctx, dut.bus, place(name), 1)
            assert await bus_read(ctx, dut.bus, place(name)) == 0
        await ctx.tick().repeat(64)
        assert (pll["levels"], pll["moves"]) == ([], 0)

    watch(dut, testbench, steps=1)


def test_bad_phases():
    with pytest.raises(ValueError, match="Number of phase steps must not be negative, not -1"):
        PhaseShifter(steps=-1)
    with pytest.raises(ValueError, match="Phase must be below 48 steps, not 48"):
        PhaseShifter(steps=48, built=48)


def test_converts():
    convert(PhaseShifter(steps=48, built=5))
    convert(PhaseShifter(steps=0))
