"""Golden model of the memory test: its pattern."""

import numpy as np

__all__ = ["pattern"]


def pattern(seed, beats, beat_bytes, *, invert=False):
    """Return the pattern's first ``beats`` beats, one after the other.

    Its bits are s[k] = s[k - 31] ^ s[k - 28], a sequence that repeats itself after 2^31 - 1.
    Squared, the recurrence holds with steps twice as wide: s[k] = s[k - 62] ^ s[k - 56], and so
    on, so that what there is gives nearly as much again at once.

    seed : int, the first 31 bits, lowest first; invert : bool, whether every bit is inverted
    returns : uint8 (beats * beat_bytes,)
    """
    count = 8 * beat_bytes * beats
    bits = np.zeros(max(count, 31), np.uint8)
    bits[:31] = [seed >> n & 1 for n in range(31)]
    have = 31
    while have < count:
        step = 1 << (have // 31).bit_length() - 1
        more = min(28 * step, count - have)
        early, late = have - 31 * step, have - 28 * step
        bits[have:have + more] = bits[early:early + more] ^ bits[late:late + more]
        have += more
    return np.packbits(bits[:count], bitorder="little") ^ np.uint8(255 if invert else 0)
