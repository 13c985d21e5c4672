"""Sampler against its golden model, token by token."""

import random

import numpy as np
import pytest

from bench import simulate, stream_put
from conversion import convert
from trine.firmware.config import preset
from trine.hw.sampler import Sampler
from trine.sim.golden.sampler import Sampler as Golden

#: Rows of a tile, in which slots take turns.
LANES = 10


def sampler(slots):
    return Sampler(config=preset("tiny").replace(slots=slots, logit_words=64))


def commands(logits, *, active, parts):
    """Order logits (slots, rows) as commands of ``parts`` rows each give them."""
    first = 0
    for rows in parts:
        payloads = [
            {"slot": slot, "row": row, "logit": int(logits[slot, first + row]), "last": 0}
            for tile in range(0, rows, LANES) for slot in active
            for row in range(tile, min(tile + LANES, rows))]
        payloads[-1]["last"] = 1
        yield from payloads
        first += rows


async def read(ctx, dut, slot, n):
    """Return the candidates, best first, and the first n logits."""
    ctx.set(dut.slot, slot)
    rows, logits = [], []
    for index in range(64 + dut.read_latency):
        ctx.set(dut.index, min(index, 63))
        if index >= dut.read_latency:
            rows.append((ctx.get(dut.candidate_logit), ctx.get(dut.candidate_row)))
            logits.append(ctx.get(dut.logit))
        await ctx.tick()
    rows.sort(key=lambda pair: (-pair[0], pair[1]))
    return rows[:ctx.get(dut.count[slot])], logits[:n]


@pytest.mark.parametrize("slots, active, stall", [
    (1, [0], 0.0), (1, [0], 0.95), (3, [0, 1, 2], 0.0), (3, [0, 2], 0.9)])
@pytest.mark.parametrize("gumbel", [0, 1])
def test_matches_golden(slots, active, stall, gumbel):
    rng, random_ = np.random.default_rng(slots), random.Random(gumbel)
    dut = sampler(slots)
    golden = [Golden(logit_words=64) for _ in range(slots)]
    seeds = [random_.getrandbits(32) for _ in range(slots)]
    beta = 700

    async def drive(ctx):
        ctx.set(dut.gumbel, gumbel)
        ctx.set(dut.beta, beta)
        ctx.set(dut.seed, seeds)
        for position, (parts, spread) in enumerate([
                ((40, 30), 1 << 17), ((1,), 1 << 31), ((13, 1, 10), 4), ((64,), 1)]):
            positions = [position + 1000 * slot for slot in range(slots)]
            ctx.set(dut.position, positions)
            logits = rng.integers(-spread, spread, (slots, sum(parts)))
            await ctx.tick().until(dut.idle)
            ctx.set(dut.clear, 1)
            if position == 2:
                ctx.set(dut.crc_clear, 1 << active[-1])
                golden[active[-1]].crc_clear()
            await ctx.tick()
            ctx.set(dut.clear, 0)
            ctx.set(dut.crc_clear, 0)
            # The first row is offered at once.
            payloads = list(commands(logits, active=active, parts=parts))
            for n, payload in enumerate(payloads):
                while n and random_.random() < stall:
                    await ctx.tick()
                await stream_put(ctx, dut.logits, payload)
            await ctx.tick().until(dut.idle)

            for slot, model in enumerate(golden):
                model.clear()
                if slot in active:
                    model.feed(logits[slot])
                assert ctx.get(dut.token[slot]) == (
                    model.sample(seed=seeds[slot], position=positions[slot], beta=beta)
                    if gumbel else model.argmax())
                assert ctx.get(dut.crc[slot]) == model.crc
                assert ctx.get(dut.overflow) >> slot & 1 == model.overflow
                found, kept = await read(ctx, dut, slot, len(model.buffer))
                assert found == model.candidates()
                assert kept == model.buffer.tolist()

    simulate(dut, drive)


@pytest.mark.parametrize("gumbel", [0, 1])
def test_intervals(gumbel):
    dut = sampler(1)
    taken, idle = [], []

    async def drive(ctx):
        ctx.set(dut.gumbel, gumbel)
        await ctx.tick().until(dut.idle)
        ctx.set(dut.clear, 1)
        for cycle in range(dut.clear_time + 60):
            ctx.set(dut.logits.valid, 0 < cycle and len(taken) < 5)
            ctx.set(dut.logits.payload, {"slot": 0, "row": cycle, "logit": cycle, "last": 0})
            _, _, ready, was_idle = await ctx.tick().sample(dut.logits.ready, dut.idle)
            ctx.set(dut.clear, 0)
            if ready and 0 < cycle and len(taken) < 5:
                taken.append(cycle)
            if was_idle:
                idle.append(cycle)

    simulate(dut, drive)
    # Two rows wait in front, from the clock behind the clear on; then one goes, the next moves up
    # two clocks later, and another is taken in the third.
    assert taken == [1, 3, *(dut.clear_time + 3 + n * dut.interval for n in range(3))]
    last = dut.clear_time + 4 * dut.interval
    assert idle[1] - last == (21 if gumbel else 10)
    assert idle[1:] == list(range(idle[1], dut.clear_time + 60))


def test_it_takes_at_most_ten_clocks_a_row():
    assert Sampler.interval <= 10


def test_converts():
    for slots in (1, 3):
        assert "settle" in convert(sampler(slots))
