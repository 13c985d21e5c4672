"""The lowest bit that is set."""

from amaranth import *
from amaranth.utils import ceil_log2

__all__ = ["lowest"]


def lowest(mask):
    """Return the number of the lowest bit set in ``mask``, and the mask of that bit alone.

    Both are 0 where none is set.
    """
    bit = mask & (-mask)[:len(mask)]
    number = Cat(Cat(bit[n] for n in range(len(mask)) if n >> k & 1).any()
                 for k in range(ceil_log2(len(mask))))
    return number, bit
