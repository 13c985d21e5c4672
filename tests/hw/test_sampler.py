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
    betas = [700 + slot for slot in range(slots)]
    # Among several slots one is sampled otherwise, and one keeps no candidates.
    noisy = ((1 << slots) - 1) * gumbel ^ (slots > 1)
    kept = (1 << slots) - 1 - 4 * (slots > 2)
    for slot, model in enumerate(golden):
        model.keep = bool(kept >> slot & 1)
    tokens = [0] * slots

    async def drive(ctx):
        ctx.set(dut.gumbel, noisy)
        ctx.set(dut.keep, kept)
        ctx.set(dut.beta, betas)
        ctx.set(dut.seed, seeds)
        for position, (parts, spread) in enumerate([
                ((40, 30), 1 << 17), ((1,), 1 << 31), ((13, 1, 10), 4), ((64,), 1)]):
            positions = [position + 1000 * slot for slot in range(slots)]
            ctx.set(dut.position, positions)
            logits = rng.integers(-spread, spread, (slots, sum(parts)))
            await ctx.tick().until(dut.idle)
            now = active[position % 2 and -1:]
            ctx.set(dut.clear, sum(1 << slot for slot in now))
            await ctx.tick()
            ctx.set(dut.clear, 0)
            # The first row is offered at once.
            payloads = list(commands(logits, active=now, parts=parts))
            for n, payload in enumerate(payloads):
                while n and random_.random() < stall:
                    await ctx.tick()
                await stream_put(ctx, dut.logits, payload)
            await ctx.tick().until(dut.idle)

            for slot in now:
                model = golden[slot]
                model.clear()
                model.crc_clear()
                model.feed(logits[slot])
                tokens[slot] = (
                    model.sample(seed=seeds[slot], position=positions[slot], beta=betas[slot])
                    if noisy >> slot & 1 else model.argmax())
            # Slots that took no part keep what they had.
            for slot, model in enumerate(golden):
                assert ctx.get(dut.token[slot]) == tokens[slot]
                assert ctx.get(dut.crc[slot]) == model.crc
                assert ctx.get(dut.overflow) >> slot & 1 == model.overflow
                found, buffer = await read(ctx, dut, slot, len(model.buffer))
                assert found == model.candidates()
                assert buffer == model.buffer.tolist()

    simulate(dut, drive)


def test_rows_without_candidates_take_a_clock():
    dut = sampler(3)

    async def drive(ctx):
        ctx.set(dut.gumbel, 0b010)
        await ctx.tick().until(dut.idle)
        ctx.set(dut.clear, 0b111)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        ctx.set(dut.logits.valid, 1)
        await ctx.tick().repeat(3)
        for row in range(40):
            ctx.set(dut.logits.payload, {"slot": row % 2, "row": row, "logit": row})
            *_, ready = await ctx.tick().sample(dut.logits.ready)
            assert ready

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
