"""CycleCause: exactly one cause for every cycle of a run."""

from amaranth.back import rtlil

from bench import simulate
from trine.firmware.registers import Cause
from trine.hw.cycle_cause import CycleCause


def test_the_first_cause_that_holds_counts():
    dut = CycleCause()

    async def machine(ctx):
        for running in (0, 1):
            ctx.set(dut.running, running)
            for holds in range(1 << Cause.ISSUE):
                for cause in Cause:
                    if cause != Cause.ISSUE:
                        ctx.set(getattr(dut, cause.name.lower()), holds >> cause & 1)
                await ctx.tick()
                first = next(c for c in Cause if (holds | 1 << Cause.ISSUE) >> c & 1)
                assert ctx.get(dut.causes) == running << first
                assert ctx.get(dut.cycle) == running

    simulate(dut, machine)


def test_converts():
    rtlil.convert(CycleCause(), name="cycle_cause")
