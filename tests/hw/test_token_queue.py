"""TokenQueue against a list for each slot."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import bus_read, bus_write, simulate
from trine.firmware.config import preset
from trine.hw.token_queue import TokenQueue


def make(slots):
    return TokenQueue(config=preset("tiny").replace(slots=slots, token_queue=4))


@pytest.mark.parametrize("slots", [1, 3])
def test_queues_in_order_and_drops_what_is_too_much(slots):
    dut = make(slots)

    async def host(ctx):
        rng = Random(slots)
        queues = [[] for _ in range(slots)]
        for _ in range(150):
            slot = rng.randrange(slots)
            if rng.random() < 0.6:
                token = rng.randrange(1 << 18)
                await bus_write(ctx, dut.bus, slot, token)
                if len(queues[slot]) < 4:
                    queues[slot].append(token)
            else:
                ctx.set(dut.slot, slot)
                await ctx.tick().repeat(dut.latency)
                filled = ctx.get(dut.filled)
                assert [bool(filled >> n & 1) for n in range(slots)] == [bool(q) for q in queues]
                if queues[slot]:
                    assert ctx.get(dut.token) == queues[slot].pop(0)
                    ctx.set(dut.pop, 1)
                    await ctx.tick()
                    ctx.set(dut.pop, 0)
            if rng.random() < 0.03:
                await ctx.tick()
                mask = rng.getrandbits(slots)
                ctx.set(dut.clear, mask)
                await ctx.tick()
                ctx.set(dut.clear, 0)
                queues = [[] if mask >> n & 1 else queue for n, queue in enumerate(queues)]
            slot = rng.randrange(slots)
            assert await bus_read(ctx, dut.bus, slot) == len(queues[slot])

    simulate(dut, host)


def test_a_slot_that_does_not_exist_reads_zero():
    dut = make(3)

    async def host(ctx):
        await bus_write(ctx, dut.bus, 3, 9)
        assert [await bus_read(ctx, dut.bus, slot) for slot in range(5)] == [0] * 5

    simulate(dut, host)


def test_converts():
    rtlil.convert(make(16), name="token_queue")
