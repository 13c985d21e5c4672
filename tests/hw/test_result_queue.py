"""ResultQueue: what goes in comes out, in order and at once."""

import pytest

from bench import latency, simulate, transfers
from conversion import convert
from trine.hw.result_queue import ResultQueue


@pytest.mark.parametrize("stall", [0.0, {"i": 0.6}, {"i": 0.4, "o": 0.1}])
def test_keeps_order(stall):
    payloads = [n * 0x9E3779B1 % (1 << 51) for n in range(500)]
    moved = transfers(ResultQueue(shape=51, depth=512), {"i": payloads}, {"o": 500}, stall=stall)
    assert [payload for _, payload in moved["o"]] == payloads


def test_full_rate_and_latency():
    moved = transfers(ResultQueue(shape=8, depth=16), {"i": range(100)}, {"o": 100}, stall=0.0)
    assert {out - into for (into, _), (out, _) in zip(moved["i"], moved["o"])} == {
        ResultQueue.latency}
    assert latency(ResultQueue(shape=8, depth=16), 5) == ResultQueue.latency


def test_holds_as_many_as_it_has_room_for():
    dut = ResultQueue(shape=8, depth=16)

    async def testbench(ctx):
        for n in range(16):
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, n)
            await ctx.tick()
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(5)
        ctx.set(dut.o.ready, 1)
        for n in range(16):
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert valid and payload == n
        assert not ctx.get(dut.o.valid)

    simulate(dut, testbench)


def test_converts():
    convert(ResultQueue(shape=51, depth=512))
