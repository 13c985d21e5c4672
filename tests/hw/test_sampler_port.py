"""SamplerPort with a stand-in for the sampler."""

import pytest
from amaranth.back import rtlil

from bench import bus_read, bus_write, simulate
from trine.firmware.config import preset
from trine.firmware.registers import CANDIDATES, PAGES, SLOTS, SampleMode, address
from trine.hw.sampler import Sampler
from trine.hw.sampler_port import SamplerPort


def make(slots):
    return SamplerPort(config=preset("tiny").replace(slots=slots))


def sampler_of(dut):
    """Answer with values that tell slot and index, as late as the sampler does."""
    async def answer(ctx):
        asked = [(0, 0)] * Sampler.read_latency
        while True:
            await ctx.tick()
            slot, index = asked.pop(0)
            ctx.set(dut.candidate_row, 1000 * slot + index)
            ctx.set(dut.candidate_logit, -5 - 1000 * slot - index)
            ctx.set(dut.logit, -100000 * slot - index)
            asked.append((ctx.get(dut.slot), ctx.get(dut.index)))
    return answer


def place(page, name, *index):
    return address(name, *index) - PAGES[page].address


@pytest.mark.parametrize("slots", [1, 3])
def test_settings_and_results(slots):
    dut = make(slots)

    async def host(ctx):
        ctx.set(dut.crc, [0xF0000000 + n for n in range(slots)])
        ctx.set(dut.count, [CANDIDATES - n for n in range(slots)])
        ctx.set(dut.token, [100000 + n for n in range(slots)])
        modes = [SampleMode(1 + slot & 3) for slot in range(SLOTS)]
        for slot in range(SLOTS):
            for name, value in (("SAMPLE_MODE", modes[slot]), ("BETA", 0xFFF0 + slot),
                                ("SEED", 0xABC00000 + slot)):
                await bus_write(ctx, dut.settings, place("sampler", name, slot), value)
        for slot in range(SLOTS):
            exists = slot < slots
            count = CANDIDATES - slot if SampleMode.CANDIDATES in modes[slot] else 0
            for name, value in (("SAMPLE_MODE", modes[slot]), ("BETA", 0xFFF0 + slot),
                                ("SEED", 0xABC00000 + slot), ("CRC", 0xF0000000 + slot),
                                ("CANDIDATE_COUNT", count)):
                found = await bus_read(ctx, dut.settings, place("sampler", name, slot))
                assert found == (value if exists else 0)
        for slot in range(slots):
            assert ctx.get(dut.gumbel) >> slot & 1 == (SampleMode.GUMBEL in modes[slot])
            assert ctx.get(dut.keep) >> slot & 1 == (SampleMode.CANDIDATES in modes[slot])
            assert ctx.get(dut.beta[slot]) == 0xFFF0 + slot
            assert ctx.get(dut.seed[slot]) == 0xABC00000 + slot
            ctx.set(dut.feed_slot, slot)
            await ctx.tick()
            assert ctx.get(dut.sampled.token) == 100000 + slot
            assert ctx.get(dut.sampled.crc) == 0xF0000000 + slot

    simulate(dut, host)


@pytest.mark.parametrize("slots", [1, 3])
def test_candidates_and_logits(slots):
    dut = make(slots)
    words = dut.config.logit_words

    async def host(ctx):
        ctx.set(dut.idle, 1)
        for slot in range(slots):
            for n in (0, 1, CANDIDATES - 1):
                row, logit = [await bus_read(ctx, dut.candidates, place(
                    "candidates", "CANDIDATES", slot, n, which)) for which in (0, 1)]
                assert row == 1000 * slot + n
                assert logit == (-5 - 1000 * slot - n) % (1 << 32)
            for n in (0, 77, words - 1):
                found = await bus_read(ctx, dut.logits, place("logits", "LOGITS", slot, n))
                assert found == (-100000 * slot - n) % (1 << 32)
            # Rows that are not kept, and slots that do not exist, read as zero.
            assert await bus_read(ctx, dut.logits, place("logits", "LOGITS", slot, words)) == 0
        assert await bus_read(ctx, dut.logits, place("logits", "LOGITS", slots, 1)) == 0
        assert await bus_read(
            ctx, dut.candidates, place("candidates", "CANDIDATES", slots, 1, 0)) == 0

    simulate(dut, host, background=[sampler_of(dut)])


def test_converts():
    rtlil.convert(make(SLOTS), name="sampler_port")
