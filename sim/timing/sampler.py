"""When the sampler takes the logits and is done with them."""

from bisect import bisect_right

from trine.firmware.registers import CANDIDATES, SampleMode
from trine.hw.argmax import Argmax
from trine.hw.argmax_pipeline import ArgmaxPipeline
from trine.hw.sampler import Sampler
from trine.hw.score import Score
from trine.hw.score_pipeline import ScorePipeline

__all__ = ["SamplerTimeline"]

#: Elements between the vector engine's issue and the sampler from which on none is issued, and the
#: clocks from one that leaves to one that is issued in its place.
_OUTSTANDING, _HOLD = 256, 3
#: Clocks from a row taken to the parts that are given it, and to their having begun.
_GIVEN = 4


class SamplerTimeline:
    """Logits that leave the vector engine, row by row.

    slots : active ones; sampling : :class:`SampleMode` of all of them
    """

    def __init__(self, config, slots, sampling):
        self.idle = 0
        self._lanes = config.vector_lanes
        kept = bool(sampling & SampleMode.CANDIDATES)
        # Where there are several slots, all parts but the candidates take a row a clock.
        pipelined = config.slots > 1
        self._interval = 1 if pipelined and not kept else Sampler.interval
        # Each slot's rows of a tile come together.
        switching = slots > 1 and (kept or not pipelined)
        self._switches = slots * Sampler.switch_time if switching else 0
        if pipelined:
            settling = ScorePipeline.latency + ArgmaxPipeline.latency
        else:
            score = Score.latency_gumbel if sampling & SampleMode.GUMBEL else Score.latency
            settling = max(score + Argmax.latency, Sampler.interval - 1)
        self._rest = _GIVEN + settling
        # The candidates are cleared one by one.
        self._clearing = CANDIDATES * config.slots + 1
        self._counts, self._clocks = [0], [0]

    def clear(self):
        """Begin a token; return the clocks in which the sampler is busy with it."""
        self._counts, self._clocks = [0], [self._clocks[-1]]
        return self._clearing

    def _leaves(self, number):
        """Return the clock in which logit ``number`` leaves, in its tile's even pace."""
        if number < 0:
            return 0
        at = bisect_right(self._counts, number)
        if at == len(self._counts):
            return 0
        before, after = self._counts[at - 1], self._counts[at]
        return self._clocks[at] - (after - 1 - number) * (
            self._interval + self._switches // (after - before))

    def take(self, first, beats, count, latency):
        """Take the ``count`` logits of a tile, whose ``beats`` could be issued from ``first`` on.

        latency : clocks from issue to sampler. Returns the clocks in which the first and the last
        beat are issued, and in which the last logit leaves for the sampler.
        """
        number = self._counts[-1] - _OUTSTANDING
        first = max(first, self._leaves(number) + _HOLD)
        last = max(first + (beats - 1) * self._lanes, self._leaves(number + count - 1) + _HOLD)
        # The first row of all comes from the slot that the sampler begins with.
        switching = self._switches
        if switching and not self._counts[-1]:
            switching -= Sampler.switch_time
        begins = max(first + latency, self._clocks[-1] + self._interval)
        left = max(begins + switching + (count - 1) * self._interval,
                   last + latency + (count - 1) % self._lanes)
        self._counts.append(self._counts[-1] + count)
        self._clocks.append(left)
        self.idle = left + self._rest
        return first, last, left
