"""GatedAdd against Python's integers, in both its forms."""

from itertools import product
from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from ecp5_cells import ECP5
from trine.hw.gated_add import GatedAdd


def check(place, width, operands):
    dut = GatedAdd(width=width)

    async def testbench(ctx):
        for a, b, en, carry in operands:
            for name, value in (("a", a), ("b", b), ("en", en), ("carry", carry)):
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.o) == ((a if en else 0) + b + carry) % (1 << width)
            await ctx.tick()

    simulate(place(dut), testbench)


@pytest.mark.parametrize("width", [7, 8])  # an even and an odd number of half cells
def test_random(place, width):
    rng = Random(width)
    check(place, width, [(rng.randrange(1 << width), rng.randrange(1 << width),
                          rng.randrange(2), rng.randrange(2)) for _ in range(500)])


def test_extremes(place):
    ends = [0, 1, (1 << 39) - 1, 1 << 39, (1 << 40) - 1]
    check(place, 40, product(ends, ends, (0, 1), (0, 1)))


def test_one_half_cell_a_bit():
    # No logic beside the chain.
    text = rtlil.convert(GatedAdd(width=39), platform=ECP5)
    assert text.count("cell \\CCU2C") == 20
    assert "$add" not in text and "$mux" not in text and "$and" not in text


def test_converts():
    assert "CCU2C" not in rtlil.convert(GatedAdd(width=39))
