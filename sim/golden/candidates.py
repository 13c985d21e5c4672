"""Golden model of the candidates: the rows with the largest logits."""

import numpy as np

from trine.firmware.registers import CANDIDATES

__all__ = ["candidates"]


def candidates(logits):
    """Return the 64 best rows, or all where there are fewer, best first, ties to the lower row.

    logits : int64 (n,), n may be 0
    returns : list of (logit, row), ordered by falling logit, then rising row
    """
    rows = np.argsort(-logits, kind="stable")[:CANDIDATES]
    return list(zip(logits[rows].tolist(), rows.tolist()))
