"""DualPortRAM against a list."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.hw.dual_port_ram import DualPortRAM


@pytest.mark.parametrize("width, depth", [(32, 16), (50, 100), (7, 1)])
def test_reads_what_was_written(width, depth):
    dut = DualPortRAM(width=width, depth=depth)
    rng = Random(width)
    rows = [0] * depth

    async def machine(ctx):
        shown = 0
        for _ in range(1000):
            w_addr, r_addr = rng.randrange(depth), rng.randrange(depth)
            w_en, r_en, word = rng.randrange(2), rng.randrange(2), rng.getrandbits(width)
            r_en &= not (w_en and w_addr == r_addr)
            ctx.set(dut.w_addr, w_addr)
            ctx.set(dut.w_data, word)
            ctx.set(dut.w_en, w_en)
            ctx.set(dut.r_addr, r_addr)
            ctx.set(dut.r_en, r_en)
            await ctx.tick()
            if r_en:
                shown = rows[r_addr]
            if w_en:
                rows[w_addr] = word
            assert ctx.get(dut.r_data) == shown

    simulate(dut, machine)


def test_converts():
    assert "no_rw_check" in rtlil.convert(DualPortRAM(width=32, depth=512), name="top")
