"""Bypass: first in, first out."""

from random import Random

import pytest
from amaranth.lib import data

from bench import latency, plain, run, simulate
from conversion import convert
from trine.hw.bypass import Bypass


@pytest.mark.parametrize("depth", [2, 16])
def test_never_more_than_the_depth(depth):
    dut = Bypass(shape=data.StructLayout({"value": 8, "last": 1}), depth=depth)
    rng = Random(depth)
    put, got = [], []

    async def testbench(ctx):
        while len(got) < 300:
            # Takes first, as the pipeline does: then a full one has room for one more.
            ready = rng.random() < 0.5
            valid = len(put) - len(got) < depth and rng.random() < 0.6
            payload = {"value": rng.randrange(256), "last": rng.randrange(2)}
            ctx.set(dut.i.payload, payload)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.o.ready, ready)
            _, _, offered, output = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert offered == (len(put) > len(got))
            if offered and ready:
                got.append(plain(output))
            if valid:
                put.append(payload)
        assert got == put[:300]

    simulate(dut, testbench)


def test_a_full_one_moves_every_clock():
    dut = Bypass(shape=8, depth=4)

    async def testbench(ctx):
        for cycle in range(50):
            ctx.set(dut.i.payload, cycle)
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.o.ready, cycle >= 4)
            _, _, output = await ctx.tick().sample(dut.o.payload)
            assert cycle < 4 or output == cycle - 4

    simulate(dut, testbench)


def test_streams():
    assert run(Bypass(shape=8, depth=128), list(range(100)), 100, stall={"o": 0.2}) == [*range(100)]


def test_latency():
    assert latency(Bypass(shape=8, depth=4), 7) == Bypass.latency


@pytest.mark.parametrize("depth", [0, 1, 12])
def test_rejects_depth(depth):
    with pytest.raises(ValueError, match=f"Depth must be a power of two, 2 or more, not {depth}"):
        Bypass(shape=8, depth=depth)


def test_converts():
    convert(Bypass(shape=8, depth=16))
