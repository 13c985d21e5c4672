"""MemoryTest against its golden pattern, on a memory that may be wrong."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import exact_log2

from bench import bus_read, bus_write, simulate
from conversion import convert
from link_bench import memory_behind
from trine.firmware.config import preset
from trine.firmware.registers import MEMORY_TEST_BEATS, PAGES, MemoryTestMode, address
from trine.hw.link.bus import RegisterBus
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.memory.signature import MemorySignature
from trine.hw.memory_test import MemoryTest
from trine.sim.golden.memory_test import pattern
from trine.sim.link_model import BoardModel

WRITE, READ, INVERT = MemoryTestMode
SEED = 0x2545F491
#: How often the end is looked for before the test gives up.
_PATIENCE = 1000


def config(memory_bytes=2, chunks=4):
    return preset("tiny").replace(memory_bytes=memory_bytes,
                                  memory_size=chunks * MEMORY_TEST_BEATS * memory_bytes)


def place(name):
    return address(f"MEMORY_TEST_{name}") - PAGES["memory_test"].address


async def begin(ctx, bus, mode, *, base=0, end=0, seed=SEED):
    for name, word in (("BASE", base), ("END", end), ("SEED", seed), ("START", mode)):
        await bus_write(ctx, bus, place(name), word)


async def finish(ctx, bus):
    """Wait for the end; return wrong beats, the first one's address, wrong bits."""
    for _ in range(_PATIENCE):
        if not await bus_read(ctx, bus, place("BUSY")):
            break
        await ctx.tick().repeat(64)
    else:
        raise AssertionError(f"still busy after {64 * _PATIENCE} clocks")
    return [await bus_read(ctx, bus, place(name)) for name in ("ERRORS", "FIRST", "BITS")]


def run(dut, memory, testbench, *, stall):
    """Run ``testbench(ctx, bus)`` with ``memory`` (bytes) behind the component."""
    board = BoardModel(memory=memory)
    behind = memory_behind(dut.memory, board, beat_bytes=dut.config.memory_bytes,
                           burst_beats=MEMORY_TEST_BEATS, stall=stall)

    async def bench(ctx):
        await testbench(ctx, dut.bus)

    simulate(dut, bench, background=[behind])


@pytest.mark.parametrize("memory_bytes, invert, stall", [
    (2, 0, 0.0), (2, INVERT, 0.3), (4, INVERT, 0.0), (8, 0, 0.3)])
def test_writes_the_pattern_and_finds_it_again(memory_bytes, invert, stall):
    dut = MemoryTest(config=config(memory_bytes))
    chunk = MEMORY_TEST_BEATS * memory_bytes
    memory = bytearray(4 * chunk)
    before = bytes(memory)
    expected = pattern(SEED, 2 * MEMORY_TEST_BEATS, memory_bytes, invert=bool(invert)).tobytes()

    async def testbench(ctx, bus):
        span = {"base": MEMORY_TEST_BEATS, "end": 3 * MEMORY_TEST_BEATS}
        await begin(ctx, bus, WRITE | invert, **span)
        assert await finish(ctx, bus) == [0, 0, 0]
        assert memory == before[:chunk] + expected + before[3 * chunk:]
        await begin(ctx, bus, READ | invert, **span)
        assert await finish(ctx, bus) == [0, 0, 0]
        # One bit in one beat, and two in another.
        beat = MEMORY_TEST_BEATS + 5
        memory[chunk + beat * memory_bytes] ^= 0x10
        memory[chunk + (beat + 7) * memory_bytes + 1] ^= 0x81
        await begin(ctx, bus, READ | invert, **span)
        assert await finish(ctx, bus) == [2, MEMORY_TEST_BEATS + beat, 0x8110]
        # The next test begins anew.
        await begin(ctx, bus, WRITE | READ | invert, **span)
        assert (await finish(ctx, bus))[::2] == [0, 0]

    run(dut, memory, testbench, stall=stall)


def test_all_of_memory_in_one_go_wraps_at_its_end():
    dut = MemoryTest(config=config())
    memory = bytearray(8 * MEMORY_TEST_BEATS)

    async def testbench(ctx, bus):
        start = 3 * MEMORY_TEST_BEATS
        await begin(ctx, bus, WRITE | READ, base=start, end=start, seed=1)
        assert await finish(ctx, bus) == [0, 0, 0]
        whole = pattern(1, 4 * MEMORY_TEST_BEATS, 2).tobytes()
        assert memory == whole[2048:] + whole[:2048]

    run(dut, memory, testbench, stall=0)


def test_high_lines_of_a_wide_beat_are_told_modulo_32():
    dut = MemoryTest(config=config(8, chunks=2))
    memory = bytearray(16 * MEMORY_TEST_BEATS)

    async def testbench(ctx, bus):
        await begin(ctx, bus, WRITE)
        await finish(ctx, bus)
        memory[4] ^= 2
        memory[3] ^= 1
        await begin(ctx, bus, READ)
        assert await finish(ctx, bus) == [1, 0, 1 << 24 | 2]

    run(dut, memory, testbench, stall=0)


def test_every_beat_wrong():
    dut = MemoryTest(config=config(chunks=2))
    memory = bytearray(4 * MEMORY_TEST_BEATS)

    async def testbench(ctx, bus):
        await begin(ctx, bus, WRITE | INVERT, seed=0)
        await finish(ctx, bus)
        assert memory == b"\xff" * len(memory)
        await begin(ctx, bus, READ, seed=0)
        assert await finish(ctx, bus) == [2 * MEMORY_TEST_BEATS, 0, 0xFFFF]

    run(dut, memory, testbench, stall=0)


def test_dropped_while_a_run_or_a_test_is_under_way():
    dut = MemoryTest(config=config(chunks=2))
    memory = bytearray(4 * MEMORY_TEST_BEATS)

    async def testbench(ctx, bus):
        ctx.set(dut.running, 1)
        await begin(ctx, bus, WRITE)
        assert await bus_read(ctx, bus, place("BUSY")) == 0
        ctx.set(dut.running, 0)
        await begin(ctx, bus, INVERT)
        assert await bus_read(ctx, bus, place("BUSY")) == 0
        await ctx.tick().repeat(50)
        assert not any(memory)
        await bus_write(ctx, bus, place("START"), WRITE)
        await bus_write(ctx, bus, place("START"), WRITE | READ | INVERT)
        assert await finish(ctx, bus) == [0, 0, 0]
        assert memory == pattern(SEED, 2 * MEMORY_TEST_BEATS, 2).tobytes()

    run(dut, memory, testbench, stall=0)


class OnBlockRAM(wiring.Component):
    """The component in front of block RAM."""

    bus: In(RegisterBus)

    def elaborate(self, platform):
        m = Module()
        m.submodules.test = test = MemoryTest(config=config(chunks=2))
        m.submodules.memory = memory = BlockRAM(beat_bytes=2, depth=2 * MEMORY_TEST_BEATS)
        connect(m, flipped(self.bus), test.bus)
        signature = MemorySignature(beat_bytes=2, addr_width=exact_log2(2 * MEMORY_TEST_BEATS))
        assert signature == memory.memory.signature.flip()
        for name in ("burst", "wdata", "rdata"):
            connect(m, getattr(test.memory, name), getattr(memory.memory, name))
        m.d.comb += test.memory.done.eq(memory.memory.done)
        return m


def test_writes_and_reads_a_beat_a_clock():
    """But for some clocks a command."""
    dut = OnBlockRAM()
    clocks = []

    async def testbench(ctx):
        for mode in (WRITE, READ):
            await begin(ctx, dut.bus, mode)
            clocks.append(0)
            while await bus_read(ctx, dut.bus, place("BUSY")):
                pass
            assert await finish(ctx, dut.bus) == [0, 0, 0]

    async def watch(ctx):
        async for _ in ctx.tick():
            if clocks:
                clocks[-1] += 1

    simulate(dut, testbench, background=[watch])
    assert max(clocks) < 2 * MEMORY_TEST_BEATS + 100, clocks


def test_pattern_is_what_its_recurrence_says():
    seed = 0x5EED5EED & (1 << 31) - 1
    bits = [seed >> n & 1 for n in range(31)]
    while len(bits) < 5000:
        bits.append(bits[-31] ^ bits[-28])
    found = np.unpackbits(pattern(seed, 5000 // 16, 2), bitorder="little")

    np.testing.assert_array_equal(found, bits[:5000 // 16 * 16])
    np.testing.assert_array_equal(pattern(seed, 300, 2, invert=True), ~pattern(seed, 300, 2))
    assert pattern(seed, 1, 2).tobytes() == (seed & 0xFFFF).to_bytes(2, "little")


def test_too_small_a_memory():
    with pytest.raises(ValueError, match="2048 beats or more, a multiple of 1024, not 1024"):
        MemoryTest(config=config(chunks=1))


def test_the_end_of_a_memory_that_is_no_power_of_two():
    dut = MemoryTest(config=config(4, chunks=3))
    chunk = 4 * MEMORY_TEST_BEATS
    memory = bytearray(3 * chunk)
    expected = pattern(SEED, 2 * MEMORY_TEST_BEATS, 4).tobytes()

    async def testbench(ctx, bus):
        await begin(ctx, bus, WRITE | READ, base=2 * MEMORY_TEST_BEATS, end=MEMORY_TEST_BEATS)
        assert await finish(ctx, bus) == [0, 0, 0]
        assert memory == expected[chunk:] + bytes(chunk) + expected[:chunk]

    run(dut, memory, testbench, stall=0.0)


def test_converts():
    convert(MemoryTest(config=preset("ulx3s")))
