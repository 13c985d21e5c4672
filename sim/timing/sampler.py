"""When the sampler takes the logits and is done with them."""

from bisect import bisect_right

from trine.hw.argmax_pipeline import ArgmaxPipeline
from trine.hw.sampler import Sampler
from trine.hw.score_pipeline import ScorePipeline

__all__ = ["SamplerTimeline"]

#: Elements between the vector engine's issue and the sampler from which on none is issued, and the
#: clocks from one that leaves to one that is issued in its place.
_OUTSTANDING, _HOLD = 256, 3


class SamplerTimeline:
    """Logits that leave the vector engine, row by row, where no candidates are kept.

    config : the machine's; ``vector_lanes`` logits of a beat leave one after the other
    """

    def __init__(self, config):
        self._lanes = config.vector_lanes
        self.idle = 0
        # Clocks from row to row, and from a row taken to the sampler being done with it: two
        # registers, and the parts that are given it a clock later than the candidates; or three,
        # and the parts' pipelines.
        if config.slots > 1:
            self._interval, self._rest = 1, 4 + ScorePipeline.latency + ArgmaxPipeline.latency
        else:
            self._interval, self._rest = Sampler.interval, 3 + Sampler.interval
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
        after = self._counts[at]
        return self._clocks[at] - (after - 1 - number) * self._interval

    def take(self, first, beats, count, latency):
        """Take the ``count`` logits of a tile, whose ``beats`` could be issued from ``first`` on.

        latency : clocks from issue to sampler. Returns the clocks in which the first and the last
        beat are issued, and in which the last logit leaves for the sampler.
        """
        number = self._counts[-1] - _OUTSTANDING
        first = max(first, self._leaves(number) + _HOLD)
        last = max(first + (beats - 1) * self._lanes, self._leaves(number + count - 1) + _HOLD)
        begins = max(first + latency, self._clocks[-1] + self._interval)
        left = max(begins + (count - 1) * self._interval,
                   last + latency + (count - 1) % self._lanes)
        self._counts.append(self._counts[-1] + count)
        self._clocks.append(left)
        self.idle = left + self._rest
        return first, last, left
