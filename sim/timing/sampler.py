"""When the sampler takes the logits and is done with them."""

from bisect import bisect_right

from trine.hw.sampler import Sampler

__all__ = ["SamplerTimeline"]

#: Elements between the vector engine's issue and the sampler from which on none is issued, and the
#: clocks from one that leaves to one that is issued in its place.
_OUTSTANDING, _HOLD = 256, 3


class SamplerTimeline:
    """Logits that leave the vector engine, row by row.

    slots : active ones; where there are several, each one's rows of a tile come together;
    vector_lanes : logits of a beat, which leave one after the other
    """

    #: Clocks from a row taken to the sampler being done with it, beyond its interval: two
    #: registers, and the parts that are given it a clock later than the candidates.
    _rest = 3

    def __init__(self, slots, vector_lanes):
        self._lanes = vector_lanes
        self.idle = 0
        self._switches = slots if slots > 1 else 0
        self._counts, self._clocks = [0], [0]

    def clear(self):
        """Begin a token."""
        self._counts, self._clocks = [0], [self._clocks[-1]]

    def _leaves(self, number):
        """Return the clock in which logit ``number`` leaves, in its tile's even pace."""
        if number < 0:
            return 0
        at = bisect_right(self._counts, number)
        if at == len(self._counts):
            return 0
        before, after = self._counts[at - 1], self._counts[at]
        return self._clocks[at] - (after - 1 - number) * (
            Sampler.interval + self._switches * Sampler.switch_time // (after - before))

    def take(self, first, beats, count, latency):
        """Take the ``count`` logits of a tile, whose ``beats`` could be issued from ``first`` on.

        latency : clocks from issue to sampler. Returns the clocks in which the first and the last
        beat are issued, and in which the last logit leaves for the sampler.
        """
        number = self._counts[-1] - _OUTSTANDING
        first = max(first, self._leaves(number) + _HOLD)
        last = max(first + (beats - 1) * self._lanes, self._leaves(number + count - 1) + _HOLD)
        # The first row of all comes from the slot that the sampler begins with.
        switching = (self._switches - (not self._counts[-1] and self._switches > 0)
                     ) * Sampler.switch_time
        begins = max(first + latency, self._clocks[-1] + Sampler.interval)
        left = max(begins + switching + (count - 1) * Sampler.interval,
                   last + latency + (count - 1) % self._lanes)
        self._counts.append(self._counts[-1] + count)
        self._clocks.append(left)
        self.idle = left + self._rest + Sampler.interval
        return first, last, left
