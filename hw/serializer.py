"""Serializer: sends a beat of results on one at a time."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .vector_command import logit_layout
from .vector_pipeline import result_layout

__all__ = ["Serializer"]


class Serializer(wiring.Component):
    """Shifts the results of a beat out, the lowest lane first.

    With one lane it is no more than wires.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and lanes.

    Members
    -------
    i : :py:`In(stream.Signature(result_layout(config), always_ready=True))`
        Beats, no more than one in as many clocks as there are lanes.
    o : :py:`Out(stream.Signature(logit_layout(config), always_ready=True))`
        Their results; ``last`` is the last one of the last beat.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from a beat to its first result.
    """

    def __init__(self, *, config):
        self.config = config
        self.latency = int(config.vector_lanes > 1)

        super().__init__({
            "i": In(stream.Signature(result_layout(config), always_ready=True)),
            "o": Out(stream.Signature(logit_layout(config), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        # The result on offer is the lowest of those that remain.
        lanes = self.config.vector_lanes
        beat = Signal.like(self.i.payload, reset_less=True)
        left, lane = Signal(lanes), Signal(exact_log2(lanes))
        if lanes == 1:
            m.d.comb += [beat.eq(self.i.payload), left.eq(self.i.valid)]
        else:
            m.d.sync += [
                beat.values.eq(beat.values.as_value() >> 32),
                left.eq(left >> 1),
                lane.eq(lane + 1),
            ]
            with m.If(self.i.valid):
                m.d.sync += [beat.eq(self.i.payload), left.eq(Cat(1, self.i.p.more)), lane.eq(0)]

        m.d.comb += [
            self.o.valid.eq(left[0]),
            self.o.p.slot.eq(beat.slot),
            self.o.p.row.eq(Cat(lane, beat.dst)),
            self.o.p.logit.eq(beat.values[0]),
            self.o.p.last.eq(beat.last & ~left[1:].any()),
        ]

        return m
