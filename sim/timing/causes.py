"""What the clocks of a run are put down to, as ``hw/cycle_cause.py`` does it."""

import numpy as np

from trine.firmware.registers import Cause

__all__ = ["CauseTimeline"]


class CauseTimeline:
    """Intervals of clocks in which causes hold; each clock counts for the first of :class:`Cause`.

    Intervals are half open, in clocks of the run, and may overlap.

    start : first clock of the run
    """

    def __init__(self, start):
        self._intervals = {cause: [] for cause in Cause}
        #: Clocks within intervals of the array in which it waited for the tape instead.
        self.array_starved = 0
        self._counts = np.zeros(len(Cause), np.int64)
        self._counted = start

    def add(self, cause, start, stop):
        """Let a cause hold from ``start`` until before ``stop``."""
        if stop > start:
            self._intervals[cause].append((start, stop))

    def count(self, until):
        """Return the clocks of each cause up to ``until``; intervals before are forgotten."""
        edges, steps, causes = [np.array([self._counted, until])], [[0, 0]], [[0, 0]]
        for cause, intervals in self._intervals.items():
            if not intervals:
                continue
            spans = np.clip(np.array(intervals), self._counted, until)
            edges.append(spans.T.reshape(-1))
            steps.append(np.repeat([1, -1], len(spans)))
            causes.append(np.full(2 * len(spans), cause))
            self._intervals[cause] = [span for span in intervals if span[1] > until]
        edges, steps, causes = (np.concatenate(part) for part in (edges, steps, causes))
        order = np.argsort(edges, kind="stable")
        edges, steps, causes = edges[order], steps[order], causes[order]
        length = np.diff(edges)
        left = np.ones(len(length), bool)
        for cause in Cause:
            holds = np.cumsum(np.where(causes == cause, steps, 0))[:-1] > 0
            if cause == Cause.ISSUE:
                holds[:] = True
            self._counts[cause] += length[left & holds].sum()
            left &= ~holds
        self._counts[Cause.TAPE] += self.array_starved
        self._counts[Cause.ARRAY] -= self.array_starved
        self.array_starved = 0
        self._counted = until
        return {cause: int(self._counts[cause]) for cause in Cause}
