"""BurstArbiter: order, priority, room, and the tape's commands."""

import pytest
from amaranth.back import rtlil

from bench import latency, run, simulate, stream_put
from trine.hw.memory.arbiter import BurstArbiter


def arbiter():
    return BurstArbiter(beat_bytes=2, addr_width=12)


async def collect(ctx, dut, clocks):
    """Accept requests for ``clocks`` clocks and return them as (addr, write, tape, last)."""
    requests = []
    ctx.set(dut.request.ready, 1)
    for _ in range(clocks):
        _, _, valid, p = await ctx.tick().sample(dut.request.valid, dut.request.payload)
        if valid:
            requests.append((p.addr, p.write, p.tape, p.last))
    ctx.set(dut.request.ready, 0)
    return requests


async def load(ctx, dut, beats, *, tape):
    """Give read beats to the arbiter."""
    for beat in beats:
        ctx.set(dut.beat, {"data": beat, "tape": tape})
        ctx.set(dut.loaded, 1)
        await ctx.tick()
    ctx.set(dut.loaded, 0)


def test_cuts_commands_into_bursts():
    outputs = run(arbiter(), {
        "memory.burst": [{"addr": 64, "beats": 16, "write": 0}, {"addr": 16, "beats": 0},
                         {"addr": 4088, "beats": 16, "write": 1}],
        "memory.wdata": range(16),
    }, {"request": 4}, seed=1)
    assert outputs["request"] == [
        {"addr": 8, "write": 0, "tape": 0, "last": 0},
        {"addr": 9, "write": 0, "tape": 0, "last": 1},
        {"addr": 511, "write": 1, "tape": 0, "last": 0},
        {"addr": 0, "write": 1, "tape": 0, "last": 1},
    ]


def test_requests_only_tape_that_has_room():
    dut = arbiter()

    async def testbench(ctx):
        await stream_put(ctx, dut.memory.tape, {"addr": 0, "beats": 64})
        assert await collect(ctx, dut, 20) == [(n, 0, 1, 0) for n in range(4)]
        await load(ctx, dut, range(32), tape=1)
        assert await collect(ctx, dut, 20) == []
        ctx.set(dut.memory.data.ready, 1)
        for beat in range(8):
            _, _, valid, payload = await ctx.tick().sample(
                dut.memory.data.valid, dut.memory.data.payload)
            assert (valid, payload) == (1, beat)
        ctx.set(dut.memory.data.ready, 0)
        assert await collect(ctx, dut, 20) == [(4, 0, 1, 0)]

    simulate(dut, testbench)


def test_stalled_tape_does_not_hold_up_bursts_nor_the_other_way_round():
    dut = arbiter()

    async def testbench(ctx):
        await stream_put(ctx, dut.memory.tape, {"addr": 0, "beats": 128})
        assert len(await collect(ctx, dut, 20)) == 4
        await stream_put(ctx, dut.memory.burst, {"addr": 512, "beats": 40, "write": 0})
        assert await collect(ctx, dut, 20) == [(64, 0, 0, 0), (65, 0, 0, 0)]
        # Now nobody takes the random data; the tape goes on.
        await load(ctx, dut, range(32), tape=1)
        ctx.set(dut.memory.data.ready, 1)
        assert await collect(ctx, dut, 40) == [(n, 0, 1, 0) for n in range(4, 8)]

    simulate(dut, testbench)


def test_write_waits_for_its_data():
    dut = arbiter()

    async def testbench(ctx):
        await stream_put(ctx, dut.memory.burst, {"addr": 8, "beats": 16, "write": 1})
        for n in range(7):
            await stream_put(ctx, dut.memory.wdata, n)
        assert await collect(ctx, dut, 10) == []
        await stream_put(ctx, dut.memory.wdata, 7)
        assert await collect(ctx, dut, 10) == [(1, 1, 0, 0)]
        for n in range(8):
            await stream_put(ctx, dut.memory.wdata, 8 + n)
        assert await collect(ctx, dut, 10) == [(2, 1, 0, 1)]
        ctx.set(dut.stored.ready, 1)
        for n in range(16):
            _, _, valid, payload = await ctx.tick().sample(dut.stored.valid, dut.stored.payload)
            assert (valid, payload) == (1, n)

    simulate(dut, testbench)


def test_bursts_come_before_the_tape():
    dut = arbiter()

    async def testbench(ctx):
        await stream_put(ctx, dut.memory.tape, {"addr": 0, "beats": 32})
        await ctx.tick().repeat(3)
        await stream_put(ctx, dut.memory.burst, {"addr": 1024, "beats": 16, "write": 0})
        for _ in range(10):
            await ctx.tick()
        # One tape burst was chosen before the random command came.
        assert await collect(ctx, dut, 20) == [
            (0, 0, 1, 0), (128, 0, 0, 0), (129, 0, 0, 1), (1, 0, 1, 0), (2, 0, 1, 0), (3, 0, 1, 0)]

    simulate(dut, testbench)


def test_second_tape_command_is_queued_and_a_third_waits():
    dut = arbiter()

    async def testbench(ctx):
        for addr in (0, 64):
            await stream_put(ctx, dut.memory.tape, {"addr": addr, "beats": 8})
        await ctx.tick()
        ctx.set(dut.memory.tape.valid, 1)
        for _ in range(10):
            _, _, ready = await ctx.tick().sample(dut.memory.tape.ready)
        assert not ready  # the first is at the request, the second runs, the third is queued
        ctx.set(dut.memory.tape.valid, 0)

    simulate(dut, testbench)


def test_cancel_forgets_commands_but_no_data():
    dut = arbiter()

    async def testbench(ctx):
        assert ctx.get(dut.memory.idle)
        for addr in (0, 256):
            await stream_put(ctx, dut.memory.tape, {"addr": addr, "beats": 64})
        assert not ctx.get(dut.memory.idle)
        for _ in range(6):
            await ctx.tick()
        ctx.set(dut.memory.cancel, 1)
        await ctx.tick()
        # Offered during cancel: taken and forgotten.
        await stream_put(ctx, dut.memory.tape, {"addr": 512, "beats": 64})
        assert await collect(ctx, dut, 20) == [(0, 0, 1, 0)]
        assert not ctx.get(dut.memory.idle)
        ctx.set(dut.memory.cancel, 0)
        await load(ctx, dut, range(8), tape=1)
        ctx.set(dut.memory.data.ready, 1)
        # A beat that has gone counts a clock later.
        for _ in range(9):
            assert not ctx.get(dut.memory.idle)
            await ctx.tick()
        assert ctx.get(dut.memory.idle)
        assert await collect(ctx, dut, 20) == []
        await stream_put(ctx, dut.memory.tape, {"addr": 8, "beats": 8})
        assert await collect(ctx, dut, 20) == [(1, 0, 1, 0)]

    simulate(dut, testbench)


def test_cancel_acts_at_once():
    """Where cancel comes in the clock in which the next burst would be chosen, none is."""
    for wait in range(1, 6):
        dut = arbiter()
        chosen = []

        async def testbench(ctx, dut=dut, wait=wait, chosen=chosen):
            await stream_put(ctx, dut.memory.tape, {"addr": 0, "beats": 64})
            ctx.set(dut.request.ready, 1)
            await ctx.tick().repeat(wait)
            ctx.set(dut.memory.cancel, 1)
            await ctx.tick()
            chosen.append(ctx.get(dut.request.valid))

        simulate(dut, testbench)
        # With ready high a request stays for one clock, so none may be there after cancel.
        assert chosen == [0]


def test_idle_is_low_from_the_clock_after_a_command():
    dut = arbiter()

    async def testbench(ctx):
        await stream_put(ctx, dut.memory.tape, {"addr": 0, "beats": 8})
        for _ in range(10):
            assert not ctx.get(dut.memory.idle)
            await ctx.tick()

    simulate(dut, testbench)


def test_passes_written_on_as_done():
    dut = arbiter()

    async def testbench(ctx):
        ctx.set(dut.written, 1)
        assert ctx.get(dut.memory.done)

    simulate(dut, testbench)


def test_latency():
    dut = arbiter()
    assert latency(dut, {"memory.tape": [{"addr": 0, "beats": 8}]}, i="memory.tape",
                   o="request") == dut.request_latency
    dut = arbiter()

    async def testbench(ctx):
        await load(ctx, dut, [1], tape=1)
        assert ctx.get(dut.memory.data.valid) and dut.beat_latency == 1

    simulate(dut, testbench)


def test_rejects_bad_bursts():
    for burst_beats in (1, 6):
        with pytest.raises(ValueError, match="Burst must be a power of two of beats, 2 or more, "
                                             f"not {burst_beats}"):
            BurstArbiter(beat_bytes=2, addr_width=12, burst_beats=burst_beats)


def test_converts():
    rtlil.convert(arbiter(), name="top")
