"""Golden model of the vector engine: int32 in, int32 out, one function per instruction.

Vectors are int64 arrays that hold int32 values; every result is saturated to int32.
"""

import numpy as np

from trine.firmware.isa import SIGMOID_FRACTION
from trine.firmware.tables import SIGMOID

from . import scalar
from .round_shift import round_shift, saturate, scale

__all__ = ["absmax", "add", "interpolate", "multiply", "quantize", "scaled", "sigmoid",
           "sigmoid_multiply", "silu", "statistic", "subtract", "sum_squares"]

_TABLE = np.array(SIGMOID, np.int64)


def multiply(a, b, shift):
    """Return ``saturate(round(a * b >> shift))``."""
    return saturate(round_shift(a * b, shift))


def add(a, b):
    """Return ``saturate(a + b)``."""
    return saturate(a + b)


def subtract(a, b):
    """Return ``saturate(a - b)``."""
    return saturate(a - b)


def scaled(a, s):
    """Return ``saturate(round(a * s))``, s a scalar."""
    return scale(a, s)


def sigmoid(a, fraction):
    """Return sigmoid(a), unsigned with 24 fraction bits.

    a : int64, int32 values with ``fraction`` bits, 0 ... 31 (-a may be 2^31)
    returns : int64, 0 ... 2^24
    error : at most 3.1e-6 below |a| < 16, where the table ends and the value stays
    """
    # The magnitude with 22 fraction bits: 10 bits of segment (1/64 each) and 16 within it.
    magnitude = np.abs(a)
    if fraction >= 22:
        magnitude = magnitude >> (fraction - 22)
    else:
        magnitude = magnitude << (22 - fraction)
    magnitude = np.minimum(magnitude, (1 << 26) - 1)
    segment, part = magnitude >> 16, magnitude & 0xFFFF
    value = _TABLE[segment] + ((_TABLE[segment + 1] - _TABLE[segment]) * part >> 16)
    return np.where(a < 0, (1 << SIGMOID_FRACTION) - value, value)


def sigmoid_multiply(a, b, shift, fraction, negate):
    """Return ``saturate(round(sigmoid(a or -a) * b >> shift))``; b is 1 where there is none."""
    return saturate(round_shift(sigmoid(-a if negate else a, fraction) * b, shift))


def silu(a, shift, fraction):
    """Return ``saturate(round(a * sigmoid(a) >> shift))``."""
    return saturate(round_shift(a * sigmoid(a, fraction), shift))


def interpolate(h, a, b, shift):
    """Return ``saturate(h + round(a * saturate(b - h) >> shift))``."""
    return saturate(h + round_shift(a * saturate(b - h), shift))


def quantize(a, s):
    """Return int8 codes ``round(a * s)`` clamped to -127 ... 127, s a scalar."""
    return scale(a, s, -127, 127)


def sum_squares(y):
    """Return the sum of squares of y, exact, below 2^80."""
    # Squares of int32 reach 2^62: sum halves of 32 bits apart, then as Python integers.
    square = y * y
    return (int(np.sum(square >> 32)) << 32) + int(np.sum(square & 0xFFFFFFFF))


def absmax(y):
    """Return the absolute maximum of y."""
    return int(np.max(np.abs(y), initial=0))


def statistic(kind_is_squares, y):
    """Return the absolute maximum of y, or its sum of squares, as a scalar."""
    return scalar.from_integer(sum_squares(y) if kind_is_squares else absmax(y))
