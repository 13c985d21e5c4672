"""BurstMux: several initiators on one memory."""

from random import Random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from bench import latency, simulate, stream_get, stream_put, transfers
from trine.hw.burst_mux import BurstMux
from trine.hw.link.memory_port import BurstSignature
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.memory.signature import MemorySignature

NAMES = ("mover", "link", "test")


def make(initiators=NAMES):
    return BurstMux(initiators=initiators, beat_bytes=2, addr_width=8)


class Shared(wiring.Component):
    """The multiplexer in front of a block RAM."""

    def __init__(self):
        super().__init__({name: In(BurstSignature(beat_bytes=2, addr_width=8)) for name in NAMES})

    def elaborate(self, platform):
        m = Module()
        m.submodules.mux = mux = make()
        m.submodules.memory = memory = BlockRAM(beat_bytes=2, depth=256)
        for name in NAMES:
            connect(m, flipped(getattr(self, name)), getattr(mux, name))
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
            for number in range(8):
                addr, beats = first + 8 * rng.randrange(6), 8 * rng.randrange(1, 4)
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
                for beat in data:
                    if rng.random() < 0.3:
                        await ctx.tick()
                    assert await stream_get(ctx, port.rdata) == beat
        return testbench

    simulate(dut, *(initiator(getattr(dut, name), n, 64 * n) for n, name in enumerate(NAMES)))


def test_an_empty_command_moves_nothing():
    dut = Shared()

    async def testbench(ctx):
        await stream_put(ctx, dut.link.burst, {"addr": 8, "beats": 0, "write": 0})
        await stream_put(ctx, dut.mover.burst, {"addr": 8, "beats": 8, "write": 0})
        assert [await stream_get(ctx, dut.mover.rdata) for _ in range(8)] == [0] * 8

    simulate(dut, testbench)


def test_the_first_initiator_goes_first():
    command = {"addr": 0, "beats": 8, "write": 0}
    moved = transfers(Shared(), {f"{name}.burst": [command] for name in reversed(NAMES)},
                      {f"{name}.rdata": 8 for name in NAMES}, stall=0.0)

    taken = [moved[f"{name}.burst"][0][0] for name in NAMES]
    assert taken == sorted(taken)


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_beats_for_the_next_command_wait_for_it(stall):
    """Data offered early must not pass before their own command, whoever is served between."""
    dut = make()
    write = {"addr": 0, "beats": 8, "write": 1}

    async def finish(ctx):
        while True:
            beats = 8
            while beats:
                _, _, valid, ready = await ctx.tick().sample(
                    dut.memory.wdata.valid, dut.memory.wdata.ready)
                beats -= valid & ready
            await ctx.tick().repeat(2)
            ctx.set(dut.memory.done, 1)
            await ctx.tick()
            ctx.set(dut.memory.done, 0)

    moved = transfers(dut, {"mover.burst": [write] * 2, "mover.wdata": list(range(16)),
                            "test.burst": [write], "test.wdata": list(range(100, 108))},
                      {"memory.burst": 3, "memory.wdata": 24}, stall=stall, background=[finish])

    data = [payload for _, payload in moved["memory.wdata"]]
    assert [data[at:at + 8] for at in (0, 8, 16)].count(list(range(100, 108))) == 1
    assert [beat for beat in data if beat < 100] == list(range(16))


def test_latency_and_rate():
    command = {"addr": 0, "beats": 16, "write": 1}
    assert latency(make(), {"link.burst": [command]}, i="link.burst",
                   o="memory.burst") == BurstMux.latency
    moved = transfers(make(), {"link.burst": [command], "link.wdata": list(range(16))},
                      {"memory.burst": 1, "memory.wdata": 16}, stall=0.0)
    passed = [time for time, _ in moved["memory.wdata"]]
    taken = [time for time, _ in moved["link.wdata"]]
    assert passed == [time + BurstMux.latency for time in taken]
    assert taken[-1] - taken[0] == 15


def test_rejects_bad_initiators():
    for initiators in ((), ("link", "link")):
        with pytest.raises(ValueError, match=r"^Initiators of a burst multiplexer must be one or "
                           r"more names, all different, not \("):
            make(initiators)


def test_converts():
    rtlil.convert(make(), name="burst_mux")
