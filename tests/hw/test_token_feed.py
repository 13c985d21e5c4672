"""TokenFeed with stand-ins for queue, sampler and ring."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import bus_read, bus_write, simulate, stream_put
from trine.firmware.config import preset
from trine.hw.token_feed import FeedAction, TokenFeed


def make(slots):
    return TokenFeed(config=preset("tiny").replace(slots=slots))


class Surroundings:
    """Queues as lists, samples that depend on slot and count, the ring as a list."""

    def __init__(self, dut):
        self.dut = dut
        self.slots = dut.config.slots
        self.queues = [[] for _ in range(self.slots)]
        self.count = 0
        self.ring = []

    def sample(self, slot):
        return {"token": 1000 * slot + self.count, "crc": 7 * self.count + slot}

    async def run(self, ctx):
        dut = self.dut
        while True:
            slot, pop, en, entry = (await ctx.tick().sample(
                dut.slot, dut.pop, dut.en, dut.entry))[2:]
            if pop:
                self.queues[slot].pop(0)
            if en:
                self.ring.append((slot, entry.token, entry.crc))
            # Both answer late, as memories do; a slot beyond the last is never acted on.
            await_slot = min(slot, self.slots - 1)
            ctx.set(dut.queued, (self.queues[await_slot] or [0])[0])
            ctx.set(dut.sampled, self.sample(await_slot))
            ctx.set(dut.filled, sum(bool(q) << n for n, q in enumerate(self.queues)))


@pytest.mark.parametrize("slots", [1, 3])
def test_tokens_come_from_the_queue_or_from_feedback(slots):
    dut = make(slots)
    around = Surroundings(dut)
    inputs, positions, samples = [0] * slots, [0] * slots, [None] * slots

    async def machine(ctx):
        rng = Random(slots)
        for step in range(30):
            mask = rng.randrange(1, 1 << slots)
            chosen = [n for n in range(slots) if mask >> n & 1]
            feedback = rng.getrandbits(slots)
            # A chain goes on from one slot through all others.
            chained, source = slots > 1 and rng.random() < 0.3, rng.randrange(slots)
            for slot in chosen:
                if rng.random() < 0.5:
                    around.queues[slot].append(rng.randrange(1 << 18))
            ctx.set(dut.mask, mask)
            ctx.set(dut.feedback, feedback)
            ctx.set(dut.chained, chained)
            ctx.set(dut.source, source)
            await ctx.tick().repeat(3)
            can = [bool(around.queues[n] or (feedback >> n & 1 and samples[n] is not None))
                   for n in range(slots)]
            assert ctx.get(dut.available) == sum(bit << n for n, bit in enumerate(can))
            if all(can[n] for n in chosen):
                if chained:
                    for n, slot in enumerate(chosen, positions[source]):
                        positions[slot] = n
                for slot in chosen:
                    queue = around.queues[slot]
                    inputs[slot] = queue[0] if queue else samples[slot]
                await stream_put(ctx, dut.command, FeedAction.BEGIN)
                around.count = step
                await ctx.tick()
                await stream_put(ctx, dut.command, FeedAction.FINISH)
                expected = [(n, *around.sample(n).values()) for n in chosen]
                assert around.ring[-len(chosen):] == expected
                for slot in chosen:
                    samples[slot] = None if chained else around.sample(slot)["token"]
                    positions[slot] += 1
            elif rng.random() < 0.3:
                await stream_put(ctx, dut.command, FeedAction.RESET)
                for slot in chosen:
                    positions[slot], samples[slot] = 0, None
            await ctx.tick()
            for slot in range(slots):
                ctx.set(dut.mover_slot, slot)
                assert ctx.get(dut.mover_token) == inputs[slot]
                assert ctx.get(dut.mover_position) == positions[slot]
                assert ctx.get(dut.positions[slot]) == positions[slot]
                assert ctx.get(dut.fresh) >> slot & 1 == (positions[slot] == 0)

    simulate(dut, machine, background=[around.run])


def test_the_host_writes_positions():
    dut = make(3)

    async def host(ctx):
        for slot in range(4):
            await bus_write(ctx, dut.bus, slot, 70000 + slot)
        assert [await bus_read(ctx, dut.bus, n) for n in range(5)] == [70000, 70001, 70002, 0, 0]
        assert ctx.get(dut.fresh) == 0

    simulate(dut, host)


def test_converts():
    rtlil.convert(make(16), name="token_feed")
