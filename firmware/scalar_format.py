"""The format of a scalar, m * 2^e: m is zero or has bit 30 of 31 set, e is signed, 10 bits."""

__all__ = ["EXPONENT_MAX", "EXPONENT_MIN", "MANTISSA_BITS", "ZERO", "normalize", "ratio"]

MANTISSA_BITS = 31
EXPONENT_MIN, EXPONENT_MAX = -512, 511

#: The one zero.
ZERO = (0, EXPONENT_MIN)


def normalize(value, exponent=0):
    """Return value * 2^exponent as a scalar (m, e), truncated to 31 bits.

    value : int, 0 or more, any size. An exponent above 511 gives the largest scalar, one below
    -512 gives zero.
    """
    if value == 0:
        return ZERO
    shift = value.bit_length() - MANTISSA_BITS
    mantissa = value >> shift if shift > 0 else value << -shift
    exponent += shift
    if exponent > EXPONENT_MAX:
        return (1 << MANTISSA_BITS) - 1, EXPONENT_MAX
    if exponent < EXPONENT_MIN:
        return ZERO
    return mantissa, exponent


def ratio(numerator, denominator=1, exponent=0):
    """Return numerator / denominator * 2^exponent as a scalar, truncated."""
    guard = 2 * MANTISSA_BITS + denominator.bit_length()
    return normalize((numerator << guard) // denominator, exponent - guard)
