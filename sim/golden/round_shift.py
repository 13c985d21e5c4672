"""The rounding words of the numbers contract, on int64 arrays: round_shift, saturate, clamp."""

import numpy as np

__all__ = ["INT32_MAX", "INT32_MIN", "round_shift", "saturate", "scale"]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def round_shift(x, shift):
    """Return ``x / 2^shift`` rounded half up: ``(x + 2^(shift-1)) >> shift``; x for shift 0.

    x : int64, |x| < 2^63 - 2^62; shift : int, 0 ... 63
    """
    if shift == 0:
        return x
    # Half the last bit is added after a first shift, so that the sum cannot leave 64 bits.
    return ((x >> (shift - 1)) + 1) >> 1


def saturate(x):
    """Return x limited to what int32 holds."""
    return np.clip(x, INT32_MIN, INT32_MAX)


def scale(x, scalar, low=INT32_MIN, high=INT32_MAX):
    """Return ``x * scalar`` rounded half up and limited to ``low ... high``.

    x : int64, |x| <= 2^31; scalar : (m, e)
    returns : int64. A right shift (-e) of 64 or more gives 0, a left shift the limit (or 0).
    """
    mantissa, exponent = scalar
    product = x * mantissa
    if exponent <= -64:
        return np.zeros_like(product)
    if exponent <= 0:
        return np.clip(round_shift(product, -exponent), low, high)
    return np.where(product > 0, high, np.where(product < 0, low, 0))
