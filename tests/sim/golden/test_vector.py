"""The vector engine's arithmetic, against Python's integers and floats."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trine.sim.golden import scalar, vector

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ONE = 1 << 24

int32 = st.integers(INT32_MIN, INT32_MAX) | st.sampled_from([INT32_MIN, -1, 0, 1, INT32_MAX]) | \
    st.builds(lambda x, shift: x >> shift, st.integers(INT32_MIN, INT32_MAX), st.integers(0, 31))
shifts = st.integers(0, 63)
fractions = st.integers(0, 31)


def one(function, *operands):
    """Call a golden function with integers; vectors are those that it takes first."""
    return int(np.asarray(function(*operands)).item())


def array(x):
    return np.array([x], np.int64)


def saturated(x):
    return min(max(x, INT32_MIN), INT32_MAX)


def rounded(x, shift):
    return x + (1 << shift - 1 if shift else 0) >> shift


@given(int32, int32, shifts)
@example(INT32_MIN, INT32_MIN, 0)
@example(INT32_MIN, INT32_MIN, 31)
@example(INT32_MIN, INT32_MAX, 31)
def test_multiply(a, b, shift):
    assert one(vector.multiply, array(a), array(b), shift) == saturated(rounded(a * b, shift))


@given(int32, int32)
@example(INT32_MIN, INT32_MIN)
@example(INT32_MAX, INT32_MIN)
def test_add_and_subtract(a, b):
    assert one(vector.add, array(a), array(b)) == saturated(a + b)
    assert one(vector.subtract, array(a), array(b)) == saturated(a - b)


@given(int32, fractions)
@example(INT32_MIN, 0)
@example(INT32_MIN, 31)
@example(INT32_MAX, 22)
def test_sigmoid_is_symmetric(a, fraction):
    positive, negative = (one(vector.sigmoid, array(x), fraction) for x in (a, -a))
    assert positive + negative == ONE
    assert 0 < negative <= ONE // 2 <= positive < ONE if a >= 0 else positive <= negative


@given(int32, fractions)
def test_sigmoid_distance(a, fraction):
    # The bound of the docstring, at any number of fraction bits; tests/firmware/test_tables.py
    # measures it over every magnitude.
    exact = 1 / (1 + np.exp(-np.clip(a / (1 << fraction), -700, 700)))
    assert abs(one(vector.sigmoid, array(a), fraction) / ONE - exact) < 3.1e-6


@given(int32, int32, shifts, fractions, st.booleans())
def test_sigmoid_multiply(a, b, shift, fraction, negate):
    s = one(vector.sigmoid, array(-a if negate else a), fraction)
    expected = saturated(rounded(s * b, shift))
    assert one(vector.sigmoid_multiply, array(a), array(b), shift, fraction, negate) == expected
    assert one(vector.sigmoid_multiply, array(a), 1, shift, fraction, negate) == \
        saturated(rounded(s, shift))


@given(int32, shifts, fractions)
def test_silu(a, shift, fraction):
    s = one(vector.sigmoid, array(a), fraction)
    assert one(vector.silu, array(a), shift, fraction) == saturated(rounded(a * s, shift))


@given(int32, int32, int32, shifts)
@example(INT32_MIN, INT32_MIN, INT32_MAX, 0)
@example(INT32_MAX, INT32_MIN, INT32_MIN, 30)
@example(-10, 1 << 16, (1 << 15) - 10, 0)
def test_interpolate(h, a, b, shift):
    # Only the difference and the result are limited, not the product between them.
    expected = saturated(h + rounded(a * saturated(b - h), shift))
    assert one(vector.interpolate, array(h), array(a), array(b), shift) == expected


@given(st.integers(-(1 << 24), 1 << 24), st.integers(0, 1 << 24), st.integers(-(1 << 24), 1 << 24))
def test_interpolation_stays_between_its_ends(h, weight, b):
    h_next = one(vector.interpolate, array(h), array(weight), array(b), 24)
    assert min(h, b) <= h_next <= max(h, b)
    assert abs(h_next - (h + Fraction(weight * (b - h), ONE))) <= Fraction(1, 2)


@given(int32, st.integers(1 << 30, (1 << 31) - 1), st.integers(-70, 5))
def test_quantize(a, mantissa, exponent):
    code = one(vector.quantize, array(a), (mantissa, exponent))
    value = vector.scaled(array(a), (mantissa, exponent)).item()
    assert code == min(max(value, -127), 127)


@pytest.mark.parametrize("values", [
    [0], [1], [-1], [INT32_MIN], [INT32_MIN] * 3000, [INT32_MAX] * 3000, [5, -7, 3]])
def test_statistic_extremes(values):
    y = np.array(values, np.int64)
    assert vector.statistic(True, y) == scalar.from_integer(sum(v * v for v in values))
    assert vector.statistic(False, y) == scalar.from_integer(max(map(abs, values)))


@given(st.lists(int32, min_size=1, max_size=50))
def test_statistic(values):
    y = np.array(values, np.int64)
    squares = sum(v * v for v in values)
    mantissa, exponent = vector.statistic(True, y)
    # Truncated to 31 bits, and exact below that.
    exact = Fraction(mantissa) * Fraction(2) ** exponent
    assert exact <= squares and squares - exact < Fraction(max(squares, 1), 1 << 30)
    assert vector.statistic(False, y) == scalar.from_integer(max(map(abs, values)))
