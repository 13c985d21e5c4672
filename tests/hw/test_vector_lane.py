"""VectorLane: in time; what it computes is held by test_vector_engine.py."""

from bench import simulate
from conversion import convert
from trine.hw.vector_command import ASource, BSource, Op, Statistic, Target
from trine.hw.vector_lane import VectorLane


def test_latency():
    dut = VectorLane()

    async def testbench(ctx):
        ctx.set(dut.command, {"op": Op.SCALE, "a_source": ASource.SUMS, "b_source": BSource.NONE,
                              "target": Target.RESIDUAL, "statistic": Statistic.ABSMAX})
        await ctx.tick().repeat(2)
        results = []
        for cycle in range(50):
            ctx.set(dut.i.valid, cycle in (0, 1, 4))
            ctx.set(dut.i.p.sum, 100 + cycle)
            ctx.set(dut.i.p.vector_a, 7)
            # Times 1, the first one times 2.
            ctx.set(dut.factor, {"mantissa": 1 << 30, "left": 0,
                                 "shift": 29 if cycle == dut.factor_latency else 30})
            _, _, valid, value = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                results.append((cycle - dut.latency, value))
        assert results == [(0, 207), (1, 108), (4, 111)]

    simulate(dut, testbench)
    assert (dut.factor_latency, dut.latency) == (11, 25)


def test_converts():
    convert(VectorLane())
