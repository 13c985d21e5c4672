"""Golden model of the drain: the order in which the array's sums leave it."""

import numpy as np

__all__ = ["drain"]


def drain(sums, lanes, active=None):
    """Return the stream of sums: by row tile, then by active slot, then by row within the tile.

    sums : int64 (slots, rows)
    active : bool (slots), or None for all slots
    returns : int64 (n), int64 (n), int64 (n): slot, row, sum. The last of them is `last`.
    error : exact
    """
    n_slots, n_rows = sums.shape
    slots = np.arange(n_slots) if active is None else np.flatnonzero(active)
    order = [(slot, row) for tile in range(0, n_rows, lanes) for slot in slots
             for row in range(tile, min(tile + lanes, n_rows))]
    slot, row = np.array(order, np.int64).reshape(-1, 2).T
    return slot, row, sums[slot, row]
