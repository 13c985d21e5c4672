"""BurstMux: two initiators on one memory."""

from random import Random

from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from bench import simulate, stream_get, stream_put
from trine.hw.burst_mux import BurstMux
from trine.hw.link.memory_port import BurstSignature
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.memory.signature import MemorySignature


class Shared(wiring.Component):
    """The multiplexer in front of a block RAM."""

    link: In(BurstSignature(beat_bytes=2, addr_width=8))
    mover: In(BurstSignature(beat_bytes=2, addr_width=8))

    def elaborate(self, platform):
        m = Module()
        m.submodules.mux = mux = BurstMux(beat_bytes=2, addr_width=8)
        m.submodules.memory = memory = BlockRAM(beat_bytes=2, depth=256)
        connect(m, flipped(self.link), mux.link)
        connect(m, flipped(self.mover), mux.mover)
        signature = MemorySignature(beat_bytes=2, addr_width=8)
        for name in ("burst", "wdata", "rdata"):
            connect(m, getattr(mux.memory, name), getattr(memory.memory, name))
        m.d.comb += mux.memory.done.eq(memory.memory.done)
        assert signature == memory.memory.signature.flip()
        return m


def test_initiators_do_not_disturb_each_other():
    dut = Shared()

    def initiator(port, seed, first):
        async def testbench(ctx):
            rng = Random(seed)
            for number in range(6):
                addr, beats = first + 8 * rng.randrange(8), 8 * rng.randrange(1, 4)
                data = [rng.randrange(1 << 16) for _ in range(beats)]
                await ctx.tick().repeat(1 + rng.randrange(20))
                command = {"addr": addr, "beats": beats, "write": 1}
                await stream_put(ctx, port.burst, command)
                for beat in data:
                    if rng.random() < 0.3:
                        await ctx.tick()
                    await stream_put(ctx, port.wdata, beat)
                if number % 2:
                    # Without this, the next command would still wait for the data.
                    await ctx.tick().until(port.done)
                await stream_put(ctx, port.burst, command | {"write": 0})
                assert [await stream_get(ctx, port.rdata) for _ in data] == data
        return testbench

    simulate(dut, initiator(dut.link, 1, 0), initiator(dut.mover, 2, 128))


def test_an_empty_command_moves_nothing():
    dut = Shared()

    async def testbench(ctx):
        await stream_put(ctx, dut.link.burst, {"addr": 8, "beats": 0, "write": 0})
        await stream_put(ctx, dut.mover.burst, {"addr": 8, "beats": 8, "write": 0})
        assert [await stream_get(ctx, dut.mover.rdata) for _ in range(8)] == [0] * 8

    simulate(dut, testbench)


def test_converts():
    rtlil.convert(BurstMux(beat_bytes=2, addr_width=8), name="burst_mux")
