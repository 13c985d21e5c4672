"""SlotMemory: what is written is read, slot by slot."""

from random import Random

import pytest
from amaranth import signed

from bench import plain, simulate
from conversion import convert
from trine.hw.slot_memory import SlotMemory


@pytest.mark.parametrize("slots, reads, lanes", [(1, 1, 1), (1, 2, 1), (3, 2, 1), (3, 2, 4)])
def test_reads_what_was_written(slots, reads, lanes):
    words = 8
    dut = SlotMemory(shape=signed(32), words=words * lanes, slots=slots, reads=reads, lanes=lanes)
    rng = Random(slots)
    rows = {(slot, addr): [0] * lanes for slot in range(slots) for addr in range(words)}
    # What each port shows until its next read.
    shown = [None] * reads

    async def testbench(ctx):
        for _ in range(400):
            target = rng.randrange(slots), rng.randrange(words)
            en = [rng.random() < 0.5 for _ in range(lanes)]
            values = [rng.choice([-(1 << 31), (1 << 31) - 1, rng.randrange(1 << 31)])
                      for _ in range(lanes)]
            ctx.set(dut.write.slot, target[0])
            ctx.set(dut.write.addr, target[1])
            ctx.set(dut.write.data, values)
            ctx.set(dut.write.en, sum(bit << n for n, bit in enumerate(en)))
            for n, port in enumerate(dut.read):
                if shown[n] is not None:
                    assert plain(ctx.get(port.data)) == shown[n]
                slot, addr, read = rng.randrange(slots), rng.randrange(words), rng.random() < 0.6
                ctx.set(port.slot, slot)
                ctx.set(port.addr, addr)
                ctx.set(port.en, read)
                if read:
                    # Undefined where the row is written at once.
                    shown[n] = None if any(en) and target == (slot, addr) else rows[slot, addr]
            rows[target] = [value if wanted else old
                            for value, wanted, old in zip(values, en, rows[target])]
            await ctx.tick()

    simulate(dut, testbench)


def test_latency():
    dut = SlotMemory(shape=8, words=4)

    async def testbench(ctx):
        ctx.set(dut.write.addr, 2)
        ctx.set(dut.write.data, [99])
        ctx.set(dut.write.en, 1)
        await ctx.tick()
        ctx.set(dut.write.en, 0)
        ctx.set(dut.read[0].addr, 2)
        ctx.set(dut.read[0].en, 1)
        assert plain(ctx.get(dut.read[0].data)) == [0]
        await ctx.tick().repeat(dut.latency)
        assert plain(ctx.get(dut.read[0].data)) == [99]

    simulate(dut, testbench)


def test_rejects_words():
    with pytest.raises(ValueError, match="Word count must be a power of two, not 6"):
        SlotMemory(shape=8, words=6)
    with pytest.raises(ValueError, match="Lane count must divide 8 words, not be 3"):
        SlotMemory(shape=8, words=8, lanes=3)


def test_converts():
    assert convert(SlotMemory(shape=signed(32), words=64, slots=3, reads=2)) \
        .count("memory width 32 size 192") == 2
