"""The rounding words of the numbers contract, against Python's integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trine.sim.golden.round_shift import INT32_MAX, INT32_MIN, round_shift, saturate, scale

#: Products of two int32, and of an int32 and a sigmoid.
LOW, HIGH = INT32_MIN * INT32_MAX, INT32_MIN * INT32_MIN
products = st.integers(LOW, HIGH) | st.integers(-5, 5) | st.builds(
    lambda x, shift: x >> shift, st.integers(LOW, HIGH), st.integers(0, 62))
int32 = st.integers(INT32_MIN, INT32_MAX) | st.sampled_from([INT32_MIN, -1, 0, 1, INT32_MAX])
scalars = st.tuples(st.integers(1 << 30, (1 << 31) - 1) | st.sampled_from(
    [1 << 30, (1 << 31) - 1]), st.integers(-70, 5)) | st.just((0, -512))


def one(function, x, *rest):
    return int(function(np.array([x], np.int64), *rest)[0])


@given(products, st.integers(0, 63))
@example(HIGH, 0)
@example(HIGH, 63)
@example(LOW, 0)
@example(LOW, 63)
def test_rounds_half_up(x, shift):
    half = 1 << shift - 1 if shift else 0
    assert one(round_shift, x, shift) == x + half >> shift


@given(products, st.integers(0, 63))
def test_distance_from_the_exact_quotient(x, shift):
    # Never more than half a unit; where it is half, upwards. Rounding half to even, which is the
    # ideal, differs in those ties only, by one unit in every second.
    distance = one(round_shift, x, shift) - Fraction(x, 1 << shift)
    assert -Fraction(1, 2) < distance <= Fraction(1, 2)
    difference = one(round_shift, x, shift) - round(Fraction(x, 1 << shift))
    assert difference == 0 or (difference == 1 and distance == Fraction(1, 2))


@given(products)
def test_saturate(x):
    assert one(saturate, x) == min(max(x, INT32_MIN), INT32_MAX)


@pytest.mark.parametrize("low, high", [(INT32_MIN, INT32_MAX), (-127, 127)])
@given(x=int32, scalar=scalars)
@example(x=INT32_MIN, scalar=(1 << 30, 1))
@example(x=INT32_MIN, scalar=((1 << 31) - 1, -63))
@example(x=INT32_MAX, scalar=((1 << 31) - 1, -64))
def test_scale_is_exact_then_rounded_then_limited(low, high, x, scalar):
    # Also where the contract words it by cases: 64 bits and more to the right leave less than a
    # half, and any normalised product that moves left is beyond int32, or its very end.
    mantissa, exponent = scalar
    exact = Fraction(x * mantissa) * Fraction(2) ** exponent
    rounded = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    assert one(scale, x, scalar, low, high) == min(max(rounded, low), high)
