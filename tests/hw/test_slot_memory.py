"""SlotMemory: what is written is read, slot by slot."""

from random import Random

import pytest
from amaranth import signed

from bench import simulate
from conversion import convert
from trine.hw.slot_memory import SlotMemory


@pytest.mark.parametrize("slots, reads", [(1, 1), (1, 2), (3, 2)])
def test_reads_what_was_written(slots, reads):
    words = 8
    dut = SlotMemory(shape=signed(32), words=words, slots=slots, reads=reads)
    rng = Random(slots)
    rows = {(slot, addr): 0 for slot in range(slots) for addr in range(words)}
    # What each port shows until its next read.
    shown = [None] * reads

    async def testbench(ctx):
        for _ in range(400):
            target = rng.randrange(slots), rng.randrange(words)
            en = rng.random() < 0.5
            value = rng.choice([-(1 << 31), (1 << 31) - 1, rng.randrange(1 << 31)])
            ctx.set(dut.write.slot, target[0])
            ctx.set(dut.write.addr, target[1])
            ctx.set(dut.write.data, value)
            ctx.set(dut.write.en, en)
            for n, port in enumerate(dut.read):
                if shown[n] is not None:
                    assert ctx.get(port.data) == shown[n]
                slot, addr, read = rng.randrange(slots), rng.randrange(words), rng.random() < 0.6
                ctx.set(port.slot, slot)
                ctx.set(port.addr, addr)
                ctx.set(port.en, read)
                if read:
                    # Undefined where the row is written at once.
                    shown[n] = None if en and target == (slot, addr) else rows[slot, addr]
            if en:
                rows[target] = value
            await ctx.tick()

    simulate(dut, testbench)


def test_latency():
    dut = SlotMemory(shape=8, words=4)

    async def testbench(ctx):
        ctx.set(dut.write.addr, 2)
        ctx.set(dut.write.data, 99)
        ctx.set(dut.write.en, 1)
        await ctx.tick()
        ctx.set(dut.write.en, 0)
        ctx.set(dut.read[0].addr, 2)
        ctx.set(dut.read[0].en, 1)
        assert ctx.get(dut.read[0].data) == 0
        await ctx.tick().repeat(dut.latency)
        assert ctx.get(dut.read[0].data) == 99

    simulate(dut, testbench)


def test_rejects_words():
    with pytest.raises(ValueError, match="Word count must be a power of two, not 6"):
        SlotMemory(shape=8, words=6)


def test_converts():
    assert convert(SlotMemory(shape=signed(32), words=64, slots=3, reads=2)) \
        .count("memory width 32 size 192") == 2
