"""LogitCRC and its pipelined twin against zlib."""

import random
import struct
from zlib import crc32

import pytest

from bench import simulate, stream_put
from conversion import convert
from trine.hw.logit_crc import LogitCRC
from trine.hw.logit_crc_pipeline import LogitCRCPipeline


@pytest.mark.parametrize("component, latency", [
    (LogitCRC, LogitCRC.interval), (LogitCRCPipeline, LogitCRCPipeline.latency)])
@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("stall", [0.0, 0.8])
def test_matches_zlib(slots, stall, component, latency):
    rng = random.Random(slots)
    dut = component(slots=slots)
    edges = [0, -1, -(1 << 31), (1 << 31) - 1]
    logits = [(rng.randrange(slots), logit) for logit in
              edges + [rng.randrange(-(1 << 31), 1 << 31) for _ in range(60)]]
    crcs = [0] * slots

    async def drive(ctx):
        for n, (slot, logit) in enumerate(logits):
            while rng.random() < stall:
                await ctx.tick()
            await stream_put(ctx, dut.i, {"slot": slot, "logit": logit})
            crcs[slot] = crc32(struct.pack("<i", logit), crcs[slot])
            if n % 8 == 7:
                await ctx.tick().repeat(latency - 1)
                assert list(ctx.get(dut.crc)) == crcs
            if n == 40:
                await ctx.tick().repeat(latency)
                ctx.set(dut.clear, 1 << slots - 1)
                await ctx.tick()
                ctx.set(dut.clear, 0)
                crcs[-1] = 0

    simulate(dut, drive)


def test_interval():
    dut = LogitCRC(slots=1)

    async def drive(ctx):
        ctx.set(dut.i.valid, 1)
        ready = []
        for _ in range(3 * dut.interval):
            ready.append(ctx.get(dut.i.ready))
            await ctx.tick()
        assert ready == ([1] + [0] * (dut.interval - 1)) * 3

    simulate(dut, drive)


@pytest.mark.parametrize("component", [LogitCRC, LogitCRCPipeline])
def test_rejects_no_slots(component):
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        component(slots=0)


def test_converts():
    for slots in (1, 3):
        assert "work" in convert(LogitCRC(slots=slots))
        assert "effect" in convert(LogitCRCPipeline(slots=slots))
