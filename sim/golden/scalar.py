"""Golden model of the scalar unit: non-negative numbers m * 2^e.

A scalar is a pair (m, e): m is 0 or has 31 bits with bit 30 set, e is a signed number of 10 bits.
Zero is (0, -512). Results are truncated, never rounded; an exponent above 511 saturates to the
largest number, one below -512 gives zero.
"""

from math import isqrt

from trine.firmware.scalar_format import ZERO, normalize

__all__ = ["ONE", "ZERO", "add", "from_float", "from_integer", "multiply", "recip", "rsqrt",
           "to_float"]

ONE = (1 << 30, -30)

#: Return value * 2^exponent as a scalar, truncated to 31 bits.
from_integer = normalize


def multiply(a, b):
    """Return a * b, truncated."""
    return from_integer(a[0] * b[0], a[1] + b[1])


def add(a, b):
    """Return a + b; the operand with the smaller exponent is shifted right first, truncated."""
    if a[1] < b[1]:
        a, b = b, a
    return from_integer(a[0] + (b[0] >> (a[1] - b[1])), a[1])


def recip(a):
    """Return 1 / a: the mantissa is floor(2^61 / m). recip(0) is 1."""
    m, e = a if a[0] else ONE
    return from_integer((1 << 61) // m, -61 - e)


def rsqrt(a):
    """Return 1 / sqrt(a): the mantissa is floor(sqrt(2^92 / m)), e made even. rsqrt(0) is 1."""
    m, e = a if a[0] else ONE
    if e & 1:
        m, e = m << 1, e - 1
    return from_integer(isqrt((1 << 92) // m), -46 - e // 2)


def from_float(value):
    """Return the scalar nearest below ``value`` (a float, 0 or more): host side only."""
    numerator, denominator = float(value).as_integer_ratio()
    # The denominator is a power of two, so this is exact before it is truncated.
    return from_integer(numerator, 1 - denominator.bit_length())


def to_float(a):
    """Return the scalar as a float: host side only."""
    return a[0] * 2.0 ** a[1]
