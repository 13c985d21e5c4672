"""SkidBuffer against a list."""

import pytest

from bench import latency, run, simulate, transfers
from trine.hw.skid_buffer import SkidBuffer


@pytest.mark.parametrize("stall", [{}, {"i": 0.5, "o": 0.5}, {"i": 0.1, "o": 0.8}, {"i": 0.8},
                                   {"o": 0.2}])
def test_keeps_every_payload_in_order(stall):
    inputs = [pow(7, n, 251) for n in range(600)]
    assert run(SkidBuffer(8), inputs, len(inputs), stall=stall) == inputs


def test_latency_and_full_rate():
    assert latency(SkidBuffer(8), 1) == SkidBuffer.latency
    moved = transfers(SkidBuffer(8), {"i": list(range(200))}, {"o": 200}, stall=0.0)
    for name in "io":
        cycles = [cycle for cycle, _ in moved[name]]
        assert cycles == list(range(cycles[0], cycles[0] + 200))


def test_ready_does_not_depend_on_the_sink_in_the_same_clock():
    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        await ctx.tick().repeat(3)
        assert ctx.get(dut.i.ready) == 0
        ctx.set(dut.o.ready, 1)
        assert ctx.get(dut.i.ready) == 0
        await ctx.tick()
        assert ctx.get(dut.i.ready) == 1
        ctx.set(dut.o.ready, 0)
        assert ctx.get(dut.i.ready) == 1

    dut = SkidBuffer(8)
    simulate(dut, bench)

