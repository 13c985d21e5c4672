"""SlotWalk against sorted lists."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.hw.slot_walk import SlotWalk


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_goes_through_all_slots_of_the_mask(slots):
    dut = SlotWalk(slots=slots)

    async def drive(ctx):
        rng = Random(slots)
        left = []
        for _ in range(300):
            assert ctx.get(dut.valid) == bool(left)
            assert ctx.get(dut.slot) == (left or [0])[0]
            assert ctx.get(dut.bit) == (1 << left[0] if left else 0)
            assert ctx.get(dut.last) == (len(left) < 2)
            begin, step = rng.random() < 0.15, rng.random() < 0.7
            mask = rng.getrandbits(slots)
            ctx.set(dut.begin, begin)
            ctx.set(dut.step, step)
            ctx.set(dut.mask, mask)
            await ctx.tick()
            if begin:
                left = [slot for slot in range(slots) if mask >> slot & 1]
            elif step:
                left = left[1:]

    simulate(dut, drive)


def test_converts():
    rtlil.convert(SlotWalk(slots=16), name="slot_walk")
