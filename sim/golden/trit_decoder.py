"""Golden model of the trit decoder: a packed byte becomes five trits."""

import numpy as np

from trine.firmware.packing import TRITS

__all__ = ["trit_decoder"]


def trit_decoder(packed):
    """Return the five trits of every byte, whether it is a code or not.

    packed : uint8 (n)
    returns : int8 (n, 5), -1, 0 or +1, first trit first
    error : exact
    source : trine.firmware.packing
    """
    return TRITS[np.asarray(packed, np.uint8)]
