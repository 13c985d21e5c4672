"""Golden model of Gumbel noise: counter-based, the same for a token wherever it is computed.

A hash of (seed, position, row) gives 64 bits, c and b. The top bit of c chooses the upper or the
lower tail of the distribution; the place of the leading one in the rest of c, which is
geometrically distributed, an octave of the tail's probability; the low 12 bits of b a point in the
octave, at which :data:`trine.firmware.tables.GUMBEL` is interpolated. So nothing is shifted or
divided, and both tails are resolved as well as the middle, down to probabilities of 2^-32.

Ref: Bob Jenkins, lookup3.c, May 2006, public domain, final(): http://burtleburtle.net/bob/c/lookup3.c
"""

import numpy as np

from trine.firmware.tables import GUMBEL, HASH_ROTATIONS, HASH_START

__all__ = ["gumbel", "mix"]

_TABLE = np.array(GUMBEL, np.int64)


def mix(seed, position, row):
    """Return the words (c, b) of lookup3's final mix of a = seed, b = position, c = row.

    seed, position : int, 32 bits; row : int64 (n,), below 2^32
    returns : two uint32 (n,)
    """
    def word(value):
        return (np.asarray(value, np.int64) + HASH_START & 0xFFFFFFFF).astype(np.uint32)

    row = np.asarray(row)
    x, y, z = word(row), np.broadcast_to(word(position), row.shape), word(seed)
    for rotation in HASH_ROTATIONS:
        # The words take turns: c (with b), a (with c), b (with a), c, a, b, c.
        x = (x ^ y) - (y << np.uint32(rotation) | y >> np.uint32(32 - rotation))
        x, y, z = z, x, y
    return y, z


def gumbel(seed, position, row):
    """Return Gumbel noise, with :data:`trine.firmware.tables.GUMBEL_FRACTION` fraction bits.

    seed, position : int, 32 bits; row : int64 (n,)
    returns : int64 (n,), -12694 ... 90852 (-3.1 ... 22.2)
    error : within 5.3e-4 of -ln(-ln(u)) for the u that the hash stands for. A million draws do not
        tell the distribution from Gumbel's (Kolmogorov-Smirnov statistic 0.0005 to 0.0011 for three
        seeds, 5 % of ideal generators exceed 0.00136), nor 200,000 tokens of 16 rows theirs from
        softmax (chi-square 14 on average over twelve seeds and two temperatures, ideal is 15)
    """
    c, b = mix(seed, position, row)
    side = c >> np.uint32(31)
    # The lowest bit is set so that there always is a leading one.
    below = (np.where(side, ~c, c) & np.uint32(0x7FFFFFFF)) | np.uint32(1)
    octave = np.frexp(below.astype(np.float64))[1] - 1
    index = side * np.int64(512) + octave * 16 + (b >> np.uint32(8) & np.uint32(15))
    entry = _TABLE[index]
    rest = (b & np.uint32(255)).astype(np.int64)
    return entry + ((_TABLE[index + 1] - entry) * rest >> 8)
