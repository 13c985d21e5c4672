"""TritAdd against Python's integers, in both its forms."""

from itertools import product
from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate
from ecp5_cells import ECP5
from trine.hw.trit_add import TritAdd

#: A trit's bits.
BITS = {0: 0b00, 1: 0b01, -1: 0b11}


def check(place, dut, operands):
    top = 1 << (dut.width - 1)

    async def testbench(ctx):
        for a, b, trit in operands:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            ctx.set(dut.trit.as_value(), BITS[trit])
            assert ctx.get(dut.o) == (a + b * trit + top) % (2 * top) - top
            await ctx.tick()

    simulate(place(dut), testbench)


@pytest.mark.parametrize("width, a_width, b_width", [(19, 19, 8), (9, 8, 8), (10, 9, 9), (8, 8, 8)])
def test_random_and_extreme(place, width, a_width, b_width):
    rng = Random(width)
    a_top, b_top = 1 << (a_width - 1), 1 << (b_width - 1)
    extremes = product((-a_top, -1, 0, a_top - 1), (-b_top, -1, 0, b_top - 1), BITS)
    check(place, TritAdd(width=width, a_width=a_width, b_width=b_width),
          [*extremes, *((rng.randrange(-a_top, a_top), rng.randrange(-b_top, b_top),
                         rng.choice(list(BITS))) for _ in range(500))])


def test_one_half_cell_a_bit():
    # No logic beside the chain.
    text = rtlil.convert(TritAdd(width=19, a_width=19, b_width=8), platform=ECP5)
    assert text.count("cell \\CCU2C") == 10
    assert "$add" not in text and "$mux" not in text and "$mul" not in text


def test_rejects_wide_operands():
    with pytest.raises(ValueError, match="no wider than the sum's 9 bits, not 8 and 10"):
        TritAdd(width=9, a_width=8, b_width=10)


def test_converts():
    assert "CCU2C" not in rtlil.convert(TritAdd(width=19, a_width=19, b_width=8))
