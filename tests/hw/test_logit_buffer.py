"""LogitBuffer: what is written is read, what does not fit is told."""

import random

import pytest

from bench import simulate
from conversion import convert
from trine.hw.logit_buffer import LogitBuffer


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("words", [2, 16])
def test_keeps_rows_that_fit(slots, words):
    rng = random.Random(slots)
    dut = LogitBuffer(slots=slots, words=words)
    kept, dropped = {}, set()

    async def drive(ctx):
        for row in (*range(words), words, (1 << 18) - 1, 1 << 17):
            for slot in range(slots):
                if rng.random() < 0.3:
                    await ctx.tick()
                logit = rng.randrange(-(1 << 31), 1 << 31)
                ctx.set(dut.i.payload, {"slot": slot, "row": row, "logit": logit})
                # The last slot gets only rows that fit.
                ctx.set(dut.i.valid, row < words or slot != slots - 1)
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
                if row < words:
                    kept[slot, row] = logit
                elif slot != slots - 1:
                    dropped.add(slot)
        assert ctx.get(dut.overflow) == sum(1 << slot for slot in dropped)
        for (slot, row), logit in kept.items():
            ctx.set(dut.slot, slot)
            ctx.set(dut.index, row)
            await ctx.tick().repeat(dut.latency)
            assert ctx.get(dut.logit) == logit
        ctx.set(dut.clear, (1 << dut.slots) - 1)
        await ctx.tick()
        assert ctx.get(dut.overflow) == 0

    simulate(dut, drive)


def test_latency():
    dut = LogitBuffer(slots=1, words=4)

    async def drive(ctx):
        for row in range(4):
            ctx.set(dut.i.payload, {"slot": 0, "row": row, "logit": -row - 1})
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
        seen = []
        for index in (*range(4), *[0] * dut.latency):
            ctx.set(dut.index, index)
            seen.append(ctx.get(dut.logit))
            await ctx.tick()
        assert seen[dut.latency:] == [-1, -2, -3, -4]

    simulate(dut, drive)


def test_rejects_wrong_sizes():
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        LogitBuffer(slots=0, words=4)
    with pytest.raises(ValueError, match=r"^Word count must be a power of two, not 48$"):
        LogitBuffer(slots=1, words=48)


def test_converts():
    for slots in (1, 3):
        assert "overflow" in convert(LogitBuffer(slots=slots, words=8))
