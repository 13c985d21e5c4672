"""TapeReader over on-chip memory, against the bytes of the tape."""

from random import Random

import pytest
from amaranth import *
from amaranth.back import rtlil
from amaranth.lib.wiring import connect

from bench import simulate, stream_put
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.tape_reader import PlayCommand, TapeReader

DEPTH = 1024
TAPE = Random(1).randbytes(2 * DEPTH)


def reader():
    return TapeReader(beat_bytes=2, addr_width=10, word_bytes=4, fifo_bytes=128, out_bytes=4)


def system():
    """Connect a reader to its memory."""
    m = Module()
    m.submodules.reader = dut = reader()
    m.submodules.memory = memory = BlockRAM(
        beat_bytes=2, depth=DEPTH,
        init=[int.from_bytes(TAPE[n:n + 2], "little") for n in range(0, len(TAPE), 2)])
    connect(m, dut.tape, memory.memory.tape)
    connect(m, dut.data, memory.memory.data)
    m.d.comb += memory.memory.cancel.eq(dut.cancel)
    m.d.comb += dut.idle.eq(memory.memory.idle)
    return m, dut


def stretch(addr, beats, plays):
    return TAPE[2 * addr:2 * (addr + beats)] * plays


async def take(ctx, dut, count, rng, *, stall=0.0):
    """Take ``count`` bytes, random numbers at a time where ``stall`` is not 0."""
    taken = b""
    idle = 0
    while len(taken) < count:
        wanted = min(4, count - len(taken))
        if stall:
            wanted = 0 if rng.random() < stall else rng.randint(1, wanted)
        amount = min(wanted, ctx.get(dut.available))
        ctx.set(dut.take, amount)
        await ctx.tick()
        shown = ctx.get(dut.o_data)
        taken += shown.to_bytes(4, "little")[:amount]
        idle = 0 if amount else idle + 1
        assert idle < 200, f"only {len(taken)} of {count} bytes came"
    ctx.set(dut.take, 0)
    return taken


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
def test_plays_the_tape_again_and_again(stall):
    m, dut = system()
    plays = [{"addr": 16, "beats": 40, "plays": 3}, {"addr": 512, "beats": 8, "plays": 5},
             {"addr": 0, "beats": 8, "plays": 0}, {"addr": 1016, "beats": 16, "plays": 1}]
    expected = b"".join(stretch(**play) for play in plays[:3]) + TAPE[-16:] + TAPE[:16]

    async def source(ctx):
        for play in plays:
            await stream_put(ctx, dut.play, play)

    async def sink(ctx):
        assert await take(ctx, dut, len(expected), Random(2), stall=stall) == expected
        await ctx.tick().repeat(40)
        assert ctx.get(dut.available) == 0

    simulate(m, source, sink)


def test_no_gap_between_plays():
    m, dut = system()
    arrivals = []

    async def source(ctx):
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 32, "plays": 6})
        await stream_put(ctx, dut.play, {"addr": 64, "beats": 64, "plays": 2})

    async def sink(ctx):
        await take(ctx, dut, 2 * (6 * 32 + 2 * 64), Random(2))

    async def watch(ctx):
        clock = 0
        async for _, _, beat in ctx.tick().sample(dut.memory_beat):
            clock += 1
            if beat:
                arrivals.append(clock)

    simulate(m, source, sink, background=[watch])
    assert arrivals == list(range(arrivals[0], arrivals[0] + 6 * 32 + 2 * 64))


def test_runs_ahead_until_the_fifo_is_full_and_loses_nothing():
    m, dut = system()
    beats = 0

    async def testbench(ctx):
        nonlocal beats
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 512, "plays": 1})
        for _ in range(300):
            _, _, beat = await ctx.tick().sample(dut.memory_beat)
            beats += beat
        assert 128 - 12 <= 2 * beats <= 128 + 32 + 12 + 2  # block RAM, queue, gearbox, half a word
        assert await take(ctx, dut, 1024, Random(3)) == TAPE[:1024]

    simulate(m, testbench)


@pytest.mark.parametrize("plays", [{"plays": 0xFFFF_FFFF}, {"plays": 0, "endless": 1}])
@pytest.mark.parametrize("wait", [1, 2, 200])
def test_flush_does_not_wait_for_the_plays_left(plays, wait):
    m, dut = system()

    async def testbench(ctx):
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 64, **plays})
        await ctx.tick().repeat(wait)
        assert ctx.get(dut.available) or wait < 200
        ctx.set(dut.flush, 1)
        await ctx.tick()
        ctx.set(dut.flush, 0)
        for _ in range(50):
            await ctx.tick()
            if ctx.get(dut.flushed):
                break
        else:
            raise AssertionError("still flushing after 50 clocks")
        await ctx.tick().repeat(100)
        assert not ctx.get(dut.available) and not ctx.get(dut.tape.valid)

    simulate(m, testbench)


def test_plays_without_end():
    m, dut = system()

    async def testbench(ctx):
        await stream_put(ctx, dut.play, {"addr": 32, "beats": 8, "plays": 0, "endless": 1})
        assert await take(ctx, dut, 16 * 40, Random(2)) == stretch(32, 8, 40)

    simulate(m, testbench)

    simulate(m, testbench)


@pytest.mark.parametrize("wait", [0, 1, 5, 11, 12, 13, 14, 15, 30, 60, 150])
@pytest.mark.parametrize("drain", [False, True])
def test_flush_drops_everything(wait, drain):
    """A flush at any moment leaves nothing of the old tape behind, whatever was in flight."""
    m, dut = system()

    async def testbench(ctx):
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 64, "plays": 9})
        for _ in range(wait):
            ctx.set(dut.take, min(4, ctx.get(dut.available)) if drain else 0)
            await ctx.tick()
        ctx.set(dut.take, 0)
        ctx.set(dut.flush, 1)
        ctx.set(dut.play.valid, 1)
        ctx.set(dut.play.payload, {"addr": 256, "beats": 16, "plays": 2})
        await ctx.tick()
        ctx.set(dut.flush, 0)
        await ctx.tick()
        while not ctx.get(dut.flushed):
            assert not ctx.get(dut.play.ready)
            assert not ctx.get(dut.available)
            await ctx.tick()
        assert ctx.get(dut.play.ready)
        await ctx.tick()
        assert not ctx.get(dut.flushed)
        ctx.set(dut.play.valid, 0)
        expected = stretch(256, 16, 2)
        assert await take(ctx, dut, len(expected), Random(3), stall=0.3) == expected
        await ctx.tick().repeat(40)
        assert ctx.get(dut.available) == 0

    simulate(m, testbench)


def test_flush_while_nothing_plays():
    m, dut = system()

    async def testbench(ctx):
        ctx.set(dut.flush, 1)
        await ctx.tick()
        ctx.set(dut.flush, 0)
        await ctx.tick().until(dut.flushed)
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 8, "plays": 1})
        assert await take(ctx, dut, 16, Random(3)) == TAPE[:16]

    simulate(m, testbench)


def test_starved_only_while_the_memory_owes_bytes():
    m, dut = system()
    starved = []

    async def testbench(ctx):
        await ctx.tick().repeat(5)
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 16, "plays": 1})
        await ctx.tick().repeat(100)
        await take(ctx, dut, 32, Random(3))
        await ctx.tick().repeat(20)

    async def watch(ctx):
        async for _, _, value in ctx.tick().sample(dut.starved):
            starved.append(value)

    simulate(m, testbench, background=[watch])
    # From the clock after the memory took the command to the one before the first bytes.
    assert sum(starved) == BlockRAM.latency + 1 + TapeReader.latency - 1
    assert not any(starved[:7])


def test_latency():
    m, dut = system()
    clocks = []

    async def testbench(ctx):
        await stream_put(ctx, dut.play, {"addr": 0, "beats": 16, "plays": 1})
        while not ctx.get(dut.available):
            clocks.append(1)
            await ctx.tick()

    simulate(m, testbench)
    # Play to command 1, command to first beat, second beat, beats to bytes.
    assert len(clocks) == BlockRAM.latency + 2 + TapeReader.latency


def test_command_payload():
    assert PlayCommand(10).size == 10 + 11 + 32 + 1


def test_rejects_bad_sizes():
    with pytest.raises(ValueError, match="FIFO size must be a power of two of 4-byte words"):
        TapeReader(beat_bytes=2, addr_width=10, word_bytes=4, fifo_bytes=100, out_bytes=4)
    with pytest.raises(ValueError, match="Output must be 1 to 4 bytes wide, not 8"):
        TapeReader(beat_bytes=2, addr_width=10, word_bytes=4, fifo_bytes=128, out_bytes=8)


def test_converts():
    rtlil.convert(reader(), name="top")
