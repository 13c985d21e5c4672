"""Golden model of the ternary array: exact sums of codes, weighted by trits."""

import numpy as np

from trine.firmware.packing import unpack_matrix

__all__ = ["ternary_array"]


def ternary_array(codes, packed, rows, lanes):
    """Return the sums of one MATVEC.

    codes : int8 (slots, cols), -127 ... 127
    packed : bytes, the payload: ``pack_matrix(trits, lanes)``
    returns : int64 (slots, rows)
    error : exact; :mod:`.matrix` does the same faster
    """
    trits = unpack_matrix(packed, rows, codes.shape[1], lanes)
    return codes.astype(np.int64) @ trits.T.astype(np.int64)
