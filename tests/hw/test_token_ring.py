"""TokenRing against a list for each slot."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import bus_read, simulate
from trine.firmware.registers import PAGES, RING_ENTRIES, address
from trine.hw.token_ring import TokenRing


@pytest.mark.parametrize("slots, entries, count", [(1, RING_ENTRIES, RING_ENTRIES + 20),
                                                   (3, RING_ENTRIES, 40), (3, 16, 100)])
def test_keeps_the_last_entries(slots, entries, count):
    dut = TokenRing(slots=slots, entries=entries)

    async def machine(ctx):
        rng = Random(slots)
        written = [[] for _ in range(slots)]
        for _ in range(count):
            slot = rng.randrange(slots)
            entry = {"token": rng.randrange(1 << 18), "crc": rng.randrange(1 << 32)}
            ctx.set(dut.slot, slot)
            await ctx.tick()
            ctx.set(dut.entry, entry)
            ctx.set(dut.en, 1)
            await ctx.tick()
            ctx.set(dut.en, 0)
            written[slot].append(entry)
        for slot in range(slots):
            assert await bus_read(ctx, dut.counts, slot) == len(written[slot])
            last = list(enumerate(written[slot]))[-entries:]
            for n, entry in rng.sample(last, min(len(last), 10)) + last[:2] + last[-2:]:
                at = address("RING", slot, n % RING_ENTRIES, 0) - PAGES["ring"].address
                assert await bus_read(ctx, dut.ring, at) == entry["token"]
                assert await bus_read(ctx, dut.ring, at + 1) == entry["crc"]
        assert await bus_read(ctx, dut.counts, slots) == 0
        assert await bus_read(ctx, dut.ring, 2 * RING_ENTRIES * slots) == 0

    simulate(dut, machine)


def test_rejects_no_slots():
    with pytest.raises(ValueError, match="Slot count must be positive, not 0"):
        TokenRing(slots=0)


def test_converts():
    rtlil.convert(TokenRing(slots=2), name="token_ring")
