"""When the ternary array steps, and when its drain serves the sums."""

from dataclasses import dataclass

from trine.hw.ternary_array import TernaryArray

from .vector import beats_of

__all__ = ["Tile", "tiles"]

#: Sums that the drain has read and nobody taken, from which on it reads no more, and the clocks
#: from a sum taken to another one read (``hw/credit_queue.py``).
_BEGUN, _CREDIT = 9, 2



@dataclass(frozen=True)
class Tile:
    """A row tile.

    first_step, last_step, change : clocks of its steps and of the change behind them
    first_sum, last_sum : clocks in which the vector engine takes the first and the last beat of its
    sums, of which there are ``beats``
    """

    first_step: int
    last_step: int
    change: int
    first_sum: int
    last_sum: int
    beats: int


def tiles(config, tape, *, taken, rows, cols, slots, take):
    """Yield the tiles of a matrix.

    taken : clock of the array's command; slots : active ones; take : function of the clock from
    which a tile's sums are offered and of the numbers of their beats and of themselves, returns the
    clocks of the first and of the last beat taken
    """
    # Measure, then the first change of tiles.
    change = taken + 2
    free = change
    spread = TernaryArray.spread(config)
    blanks = TernaryArray.steps(config, cols) - cols
    served, done = [], 0
    while rows:
        n = min(rows, config.lanes)
        rows -= n
        first_step = change + 1
        last_step = tape.steps(first_step, -(-n // 5), cols) + blanks
        change = max(last_step + 1, free)
        # The array's latency counts from the command, and has Measure and both changes in it.
        offered = change + TernaryArray.latency + spread - 3
        beats = slots * beats_of(n, config.vector_lanes)
        first_sum, last_sum = take(offered, beats, slots * n)
        served.append((done, first_sum, last_sum))
        done += beats
        read = change + TernaryArray.drain_gap + spread - 1 + beats
        if done > _BEGUN + 1:
            # The last beat is read when an earlier one has left room for it.
            wanted = done - 1 - _BEGUN
            start, first, last = next(tile for tile in reversed(served) if tile[0] <= wanted)
            read = max(read, min(first + wanted - start, last) + _CREDIT)
        free = read + 1
        yield Tile(first_step, last_step, change, first_sum, last_sum, beats)
