import numpy as np
import pytest
from amaranth.back import rtlil

from bench import simulate
from ecp5_cells import ECP5
from trine.hw.accumulate_unit import AccumulateUnit

TRITS = {0: {"nonzero": 0, "negative": 0}, 1: {"nonzero": 1, "negative": 0},
         -1: {"nonzero": 1, "negative": 1}}


def accumulate(place, width, steps):
    """Run (code, trit, en, clear) through a unit; return the sum after each."""
    dut = AccumulateUnit(width=width)
    sums = []

    async def testbench(ctx):
        for code, trit, en, clear in steps:
            ctx.set(dut.code, code)
            ctx.set(dut.trit, TRITS[trit])
            ctx.set(dut.en, en)
            ctx.set(dut.clear, clear)
            await ctx.tick()
            sums.append(ctx.get(dut.sum))

    simulate(place(dut), testbench)
    return sums


def golden(steps):
    sums = [0]
    for code, trit, en, clear in steps:
        sums.append(0 if clear else sums[-1] + code * trit * en)
    return sums[1:]


@pytest.mark.parametrize("width", [18, 19])  # an even and an odd number of half cells
def test_random(place, width):
    rng = np.random.default_rng(width)
    steps = [(code, trit, en, clear) for code, trit, en, clear in zip(
        rng.integers(-128, 128, 1000).tolist(), rng.integers(-1, 2, 1000).tolist(),
        (rng.random(1000) < 0.8).tolist(), (rng.random(1000) < 0.02).tolist())]
    assert accumulate(place, width, steps) == golden(steps)


@pytest.mark.parametrize("sign", [-1, 1])
def test_extremes(place, sign):
    # 11 bits hold 8 * 127 with its sign, and -1024.
    for code, trit in (127, sign), (-127, -sign), (-128, 1):
        steps = [(code, trit, 1, 0)] * 8 + [(code, -trit, 1, 0)] * 8 + [(code, 0, 1, 0)]
        assert accumulate(place, 11, steps) == golden(steps)


def test_clear_comes_before_enable(place):
    steps = [(5, 1, 1, 0), (7, 1, 1, 1), (9, -1, 1, 0), (3, 1, 0, 1)]
    assert accumulate(place, 8, steps) == [5, 0, -9, 0]


def test_one_cell_for_two_bits():
    # No logic beside the chain.
    text = rtlil.convert(AccumulateUnit(width=19), platform=ECP5)
    assert text.count("cell \\CCU2C") == 10
    assert "$add" not in text and "$sub" not in text


def test_converts():
    assert "CCU2C" not in rtlil.convert(AccumulateUnit(width=19))


def test_wrong_width():
    with pytest.raises(ValueError, match=r"^Accumulator width must be 8 or more, not 7$"):
        AccumulateUnit(width=7)
