"""OrAdd against Python's integers, in both its forms."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from ecp5_cells import ECP5
from trine.hw.or_add import OrAdd


def check(place, width, operands):
    dut = OrAdd(width=width)

    async def testbench(ctx):
        for a, b, c, subtract in operands:
            for name, value in (("a", a), ("b", b), ("c", c), ("subtract", subtract)):
                ctx.set(getattr(dut, name), value)
            expected = (a | b) - c if subtract else (a | b) + c
            assert ctx.get(dut.o) == expected % (1 << width), (a, b, c, subtract)
            await ctx.tick()

    simulate(place(dut), testbench)


@pytest.mark.parametrize("width", [7, 8])  # an even and an odd number of half cells
def test_random(place, width):
    rng = Random(width)
    check(place, width, [(*(rng.randrange(1 << width) for _ in range(3)), rng.randrange(2))
                         for _ in range(500)])


def test_extremes(place):
    ends = [0, 1, (1 << 34) - 1, 1 << 34, (1 << 35) - 1]
    check(place, 35, [(a, b, c, subtract) for a in ends for b in ends for c in ends
                      for subtract in (0, 1)])


def test_one_half_cell_a_bit():
    # No logic beside the chain.
    text = rtlil.convert(OrAdd(width=35), platform=ECP5)
    assert text.count("cell \\CCU2C") == 18
    assert "$add" not in text and "$sub" not in text and "$or" not in text


def test_converts():
    assert "CCU2C" not in rtlil.convert(OrAdd(width=35))
