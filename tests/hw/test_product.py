"""Product against Python's. The ECP5's cell in its place: tests/sim/test_netlist.py."""

from random import Random

import pytest
from amaranth import signed, unsigned
from amaranth.back import rtlil

from bench import simulate
from trine.hw.product import Product

SHAPES = [(signed(18), signed(18)), (unsigned(16), unsigned(17)), (signed(16), unsigned(16)),
          (unsigned(5), signed(9))]


def extremes(shape):
    if shape.signed:
        return [-(1 << shape.width - 1), (1 << shape.width - 1) - 1, 0, -1]
    return [0, (1 << shape.width) - 1, 1]


@pytest.mark.parametrize("latency", [1, 2])
@pytest.mark.parametrize("shapes", SHAPES)
def test_equals_pythons_product(shapes, latency):
    dut = Product(*shapes, latency=latency)
    rng = Random(str(shapes))
    a, b = map(extremes, shapes)
    factors = [(x, y) for x in a for y in b]
    factors += [(rng.randint(min(a), max(a)), rng.randint(min(b), max(b))) for _ in range(300)]

    async def bench(ctx):
        seen = []
        for x, y in factors + [(0, 0)] * latency:
            seen.append(ctx.get(dut.o))
            ctx.set(dut.a, x)
            ctx.set(dut.b, y)
            await ctx.tick()
        seen.append(ctx.get(dut.o))
        assert seen[dut.latency:len(factors) + dut.latency] == [x * y for x, y in factors]

    simulate(dut, bench)


@pytest.mark.parametrize("arguments, message", [
    (((18, 4), {}), "unsigned of 17"),
    (((4, signed(19)), {}), "signed of 18 bits"),
    (((4, 4), {"latency": 3}), "Latency must be 1 or 2, not 3"),
])
def test_refuses_what_no_multiplier_takes(arguments, message):
    positional, keyword = arguments
    with pytest.raises(ValueError, match=message):
        Product(*positional, **keyword)


def test_converts():
    assert "MULT18X18D" not in rtlil.convert(Product(16, 16))
