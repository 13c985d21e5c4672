"""Gearbox against slices of the byte stream."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.hw.gearbox import Gearbox


def play(dut, stream, takes, *, stall=0.0, seed=0):
    """Take bytes as ``takes(available)`` says until ``stream`` (bytes) is used up.

    Returns the number of bytes taken in each clock from the first word accepted.
    """
    rng = Random(seed)
    words = [int.from_bytes(stream[n:n + dut.word_bytes], "little")
             for n in range(0, len(stream), dut.word_bytes)]
    history = []

    async def source(ctx):
        for word in words:
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(dut.i.payload, word)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def sink(ctx):
        position, before, take = 0, 0, 0
        while position < len(stream):
            assert len(history) < 50 * len(stream), "the stream does not end"
            available = ctx.get(dut.available)
            assert available == before - take
            take = takes(available)
            ctx.set(dut.take, take)
            history.append(take)
            before = ctx.get(dut.coming)
            await ctx.tick()
            shown = ctx.get(dut.o_data).to_bytes(dut.out_bytes, "little")
            valid = min(available, dut.out_bytes)
            assert shown[:valid] == stream[position:position + valid]
            position += take
        ctx.set(dut.take, 0)
        for _ in range(8):
            await ctx.tick()
            assert ctx.get(dut.available) == 0

    simulate(dut, source, sink)
    return history


@pytest.mark.parametrize("word_bytes, out_bytes",
                         [(4, 4), (4, 2), (4, 3), (1, 1), (16, 16), (8, 5)])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_random_takes(word_bytes, out_bytes, stall):
    rng = Random(word_bytes)
    stream = rng.randbytes(800 // word_bytes * word_bytes)

    play(Gearbox(word_bytes=word_bytes, out_bytes=out_bytes), stream,
         lambda available: rng.randint(0, min(available, out_bytes)), stall=stall, seed=2)


@pytest.mark.parametrize("word_bytes, out_bytes", [(4, 4), (4, 3), (4, 1), (16, 16), (16, 13)])
@pytest.mark.parametrize("skip", [0, 1, 2, 3, 13])
def test_full_rate(word_bytes, out_bytes, skip):
    """Full width every clock, whatever the offset of the first byte."""
    left = 64 * word_bytes
    stream = bytes(n & 255 for n in range(left))

    def takes(available):
        nonlocal left, skip
        take = min(skip or out_bytes, out_bytes, left)
        if available < take:
            return 0
        skip -= min(skip, take)
        left -= take
        return take

    counts = play(Gearbox(word_bytes=word_bytes, out_bytes=out_bytes), stream, takes)

    assert counts.index(next(filter(None, counts))) == Gearbox.latency
    assert all(counts[Gearbox.latency:])


def test_latency():
    dut = Gearbox(word_bytes=4, out_bytes=4)
    counts = play(dut, bytes(range(4)), lambda available: available)
    assert counts.index(4) == dut.latency


def test_rejects_bad_sizes():
    with pytest.raises(ValueError, match="Word must be a power of two of bytes, not 3"):
        Gearbox(word_bytes=3, out_bytes=1)
    with pytest.raises(ValueError, match="Output must be 1 to 4 bytes wide, not 5"):
        Gearbox(word_bytes=4, out_bytes=5)
    with pytest.raises(ValueError, match="Output must be 1 to 4 bytes wide, not 0"):
        Gearbox(word_bytes=4, out_bytes=0)


def test_converts():
    rtlil.convert(Gearbox(word_bytes=4, out_bytes=4), name="top")
