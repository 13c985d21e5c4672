"""Exact ternary matrix times int8 codes, as fast as the host's float32 BLAS."""

import numpy as np

__all__ = ["Matrix"]


class Matrix:
    """A ternary matrix, ready to be multiplied often.

    Sums of integers below 2^24 are exact in float32 in any order of summation, and no partial sum
    exceeds 127 * cols. Wider matrices are multiplied in float64, exact below 2^53.

    trits : int8 (rows, cols)
    """

    def __init__(self, trits):
        exact = 127 * trits.shape[1] < 1 << 24
        self.trits = np.ascontiguousarray(trits, np.float32 if exact else np.float64)

    def __call__(self, codes):
        """Return the sums, int64 (rows,), of int8 ``codes`` (cols,)."""
        # BLAS kernels may raise floating-point flags for lanes that they load and never use; the
        # sums are exact integers, so a flag says nothing.
        with np.errstate(all="ignore"):
            return (self.trits @ codes.astype(self.trits.dtype)).astype(np.int64)
