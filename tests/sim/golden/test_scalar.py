"""Golden scalars against exact fractions: every operation truncates, and by how much."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trine.sim.golden.scalar import (
    ONE,
    ZERO,
    add,
    from_float,
    from_integer,
    multiply,
    recip,
    rsqrt,
    to_float,
)

LARGEST, SMALLEST = ((1 << 31) - 1, 511), (1 << 30, -512)

mantissas = st.integers(1 << 30, (1 << 31) - 1) | st.sampled_from([1 << 30, (1 << 31) - 1])
#: Scalars whose products, sums and reciprocals stay in range.
inner = st.tuples(mantissas, st.integers(-200, 200))
near = st.tuples(mantissas, st.integers(-40, 0))
scalars = st.just(ZERO) | st.tuples(mantissas, st.integers(-512, 511))


def exact(scalar):
    return Fraction(scalar[0]) * Fraction(2) ** scalar[1]


def last_place(scalar):
    return Fraction(2) ** scalar[1]


def is_legal(scalar):
    m, e = scalar
    return scalar == ZERO or (m.bit_length() == 31 and -512 <= e <= 511)


def assert_truncated(scalar, value, places=1):
    assert is_legal(scalar)
    assert exact(scalar) <= value < exact(scalar) + places * last_place(scalar)


def test_small_integers_are_exact():
    for value in range(1 << 12):
        for exponent in (-100, -1, 0, 7):
            scalar = from_integer(value, exponent)
            assert is_legal(scalar)
            assert exact(scalar) == value * Fraction(2) ** exponent


@given(st.integers(1, 1 << 200), st.integers(-300, 300))
@example((1 << 80) - 1, 0)
@example((1 << 31) - 1, 0)
@example(1 << 31, 0)
def test_integers_are_truncated(value, exponent):
    assert_truncated(from_integer(value, exponent), value * Fraction(2) ** exponent)


@given(st.integers(0, 1 << 90), st.integers(0, 1 << 90), st.integers(-100, 100))
def test_integers_keep_their_order(a, b, exponent):
    low, high = sorted([a, b])
    assert exact(from_integer(low, exponent)) <= exact(from_integer(high, exponent))


def test_exponents_saturate():
    assert from_integer(1, 511 + 30) == (1 << 30, 511)
    assert from_integer(1, 512 + 30) == LARGEST
    assert from_integer(1, -512 + 30) == SMALLEST
    assert from_integer(1, -513 + 30) == ZERO
    assert multiply(LARGEST, LARGEST) == add(LARGEST, LARGEST) == LARGEST
    assert multiply(SMALLEST, SMALLEST) == ZERO
    # The reciprocal of the largest is too small, that of the smallest is not too large.
    assert recip(LARGEST) == ZERO
    assert recip(SMALLEST) == (1 << 30, 452)


@given(scalars, scalars)
def test_results_are_legal(a, b):
    assert all(map(is_legal, [multiply(a, b), add(a, b), recip(a), rsqrt(a)]))


@given(scalars, scalars)
def test_order_of_operands_does_not_matter(a, b):
    assert multiply(a, b) == multiply(b, a)
    assert add(a, b) == add(b, a)


@given(scalars)
def test_zero_and_one(a):
    assert multiply(a, ZERO) == ZERO
    assert multiply(a, ONE) == a
    assert add(a, ZERO) == a
    assert recip(ZERO) == rsqrt(ZERO) == ONE


@given(inner, inner)
def test_products_are_truncated(a, b):
    assert_truncated(multiply(a, b), exact(a) * exact(b))


@given(near, near)
def test_sums_are_truncated_twice(a, b):
    # Once where the smaller operand is aligned, once where the sum has 32 bits.
    assert_truncated(add(a, b), exact(a) + exact(b), places=2)


def test_small_sums_are_exact():
    for a in range(1, 80):
        for b in range(1, 80):
            assert exact(add(from_integer(a), from_integer(b))) == a + b
            assert exact(multiply(from_integer(a), from_integer(b))) == a * b


@pytest.mark.parametrize("operation", [multiply, add])
@given(a=scalars, b=scalars, c=scalars)
def test_products_and_sums_keep_the_order(operation, a, b, c):
    low, high = sorted([a, b], key=exact)
    assert exact(operation(low, c)) <= exact(operation(high, c))


@given(inner)
def test_reciprocals_are_truncated(a):
    assert_truncated(recip(a), 1 / exact(a))


@given(inner)
@example((1 << 30, -30))
@example((1 << 30, -31))
@example(((1 << 31) - 1, -1))
def test_roots_are_truncated(a):
    root = rsqrt(a)
    assert is_legal(root)
    assert exact(root) ** 2 * exact(a) <= 1
    assert (exact(root) + last_place(root)) ** 2 * exact(a) > 1


@pytest.mark.parametrize("operation", [recip, rsqrt])
@given(a=inner, b=inner)
def test_reciprocals_and_roots_turn_the_order(operation, a, b):
    low, high = sorted([a, b], key=exact)
    assert exact(operation(low)) >= exact(operation(high))


def test_powers_of_two_are_exact():
    for e in range(-400, 400):
        power = (1 << 30, e)
        assert exact(recip(power)) == 1 / exact(power)
        assert exact(rsqrt((1 << 30, 2 * (e // 2)))) ** 2 == 1 / exact((1 << 30, 2 * (e // 2)))


@given(st.floats(1e-100, 1e100))
def test_floats_are_truncated(value):
    assert_truncated(from_float(value), Fraction(value))
    assert to_float(from_float(value)) == pytest.approx(value, rel=2 ** -30)
