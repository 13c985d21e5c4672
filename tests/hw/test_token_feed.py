"""TokenFeed with stand-ins for queue, sampler and ring, and with the real ones."""

from random import Random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring

from bench import bus_read, bus_write, simulate, stream_put
from trine.firmware.config import preset
from trine.firmware.registers import PAGES, address
from trine.hw.token_feed import FeedAction, TokenFeed
from trine.hw.token_queue import TokenQueue
from trine.hw.token_ring import TokenRing


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


class WithMemories(wiring.Component):
    """A feed with the queue and the ring that it works with, and samples a clock late."""

    def __init__(self, config):
        self.config = config
        self.feed = TokenFeed(config=config)
        self.queue = TokenQueue(config=config)
        self.ring = TokenRing(slots=config.slots, entries=config.ring_entries)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules += self.feed, self.queue, self.ring
        feed, queue, ring = self.feed, self.queue, self.ring
        m.d.comb += [
            queue.slot.eq(feed.slot), queue.pop.eq(feed.pop), feed.filled.eq(queue.filled),
            feed.queued.eq(queue.token), ring.slot.eq(feed.slot), ring.entry.eq(feed.entry),
            ring.en.eq(feed.en),
        ]
        m.d.sync += feed.sampled.token.eq(500 + feed.slot)
        return m


@pytest.mark.parametrize("slots", [1, 5])
def test_with_queue_and_ring(slots):
    dut = WithMemories(preset("tiny").replace(slots=slots))
    feed = dut.feed

    async def machine(ctx):
        ctx.set(feed.mask, (1 << slots) - 1)
        ctx.set(feed.feedback, (1 << slots) - 1)
        for slot in range(slots):
            # The oldest token stands at another place in each queue.
            for _ in range(slot):
                await bus_write(ctx, dut.queue.bus, slot, 99)
            await ctx.tick().repeat(3)
            ctx.set(dut.queue.clear, 1 << slot)
            await ctx.tick()
            ctx.set(dut.queue.clear, 0)
            for n in range(1 + slot % 3):
                await bus_write(ctx, dut.queue.bus, slot, 10 * slot + n)
        for turn in range(4):
            await stream_put(ctx, feed.command, FeedAction.BEGIN)
            for slot in range(slots):
                ctx.set(feed.mover_slot, slot)
                queued = turn < 1 + slot % 3
                assert ctx.get(feed.mover_token) == (10 * slot + turn if queued else 500 + slot)
            await stream_put(ctx, feed.command, FeedAction.FINISH)
        for slot in range(slots):
            assert await bus_read(ctx, dut.queue.bus, slot) == 0
            assert await bus_read(ctx, dut.ring.counts, slot) == 4
            place = address("RING", slot, 3, 0) - PAGES["ring"].address
            assert await bus_read(ctx, dut.ring.ring, place) == 500 + slot

    simulate(dut, machine)
