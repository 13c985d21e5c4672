"""RegisterFile: the register bus as strobes."""

import pytest
from amaranth.back import rtlil

from bench import bus_read, bus_write, simulate, stream_put
from trine.hw.register_file import RegisterFile


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_reads_and_writes(delay):
    dut = RegisterFile(delay=delay)
    registers = {}

    async def responder(ctx):
        now, answers = 0, {}
        while True:
            write, read, addr, data = (await ctx.tick().sample(
                dut.write, dut.read, dut.addr, dut.data))[2:]
            now += 1
            if write:
                registers[addr] = data
            if read:
                answers[now + delay - 1] = registers.get(addr, 0)
            # With delay 0 the word is a function of the address alone.
            word = answers.get(now, 0) if delay else registers.get(ctx.get(dut.addr), 0)
            ctx.set(dut.word, word)

    async def host(ctx):
        for n in range(4):
            await bus_write(ctx, dut.bus, 100 + n, 7 * n)
        for n in (2, 0, 3, 1):
            assert await bus_read(ctx, dut.bus, 100 + n) == 7 * n

    simulate(dut, host, background=[responder])
    assert registers == {100 + n: 7 * n for n in range(4)}


@pytest.mark.parametrize("delay", [0, 2])
def test_latency(delay):
    dut = RegisterFile(delay=delay)

    async def host(ctx):
        ctx.set(dut.word, 5)
        await stream_put(ctx, dut.bus.request, {"addr": 1, "write": 0})
        clocks = 1
        while not ctx.get(dut.bus.reply.valid):
            await ctx.tick()
            clocks += 1
        assert clocks == dut.latency

    simulate(dut, host)


def test_waits_for_a_word_that_is_late():
    dut = RegisterFile()

    async def host(ctx):
        ctx.set(dut.wait, 1)
        await stream_put(ctx, dut.bus.request, {"addr": 1, "write": 0})
        await ctx.tick().repeat(10)
        assert not ctx.get(dut.bus.reply.valid)
        ctx.set(dut.wait, 0)
        ctx.set(dut.word, 9)
        await ctx.tick()
        assert ctx.get(dut.bus.reply.valid) and ctx.get(dut.bus.reply.payload) == 9

    simulate(dut, host)


def test_waits_for_a_write_that_takes_long():
    dut = RegisterFile()

    async def host(ctx):
        ctx.set(dut.wait, 1)
        await bus_write(ctx, dut.bus, 1, 2)
        await ctx.tick().repeat(10)
        assert not ctx.get(dut.bus.request.ready)
        ctx.set(dut.wait, 0)
        await ctx.tick()
        assert ctx.get(dut.bus.request.ready)

    simulate(dut, host)


def test_rejects_a_negative_delay():
    with pytest.raises(ValueError, match="Delay must not be negative, not -1"):
        RegisterFile(delay=-1)


def test_converts():
    rtlil.convert(RegisterFile(), name="register_file")
