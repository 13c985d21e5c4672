"""Cycle cause: what each cycle of a run was spent on."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.registers import Cause

__all__ = ["CycleCause"]


class CycleCause(wiring.Component):
    """Puts every cycle of a run down to exactly one cause, a clock later.

    The first of the causes that holds counts, in the order of :class:`Cause`; ISSUE is what
    remains.

    Members
    -------
    running : :py:`In(1)`
        A run is under way.
    host, tape, array, vector, scalar, burst, drain, token : :py:`In(1)`
        The causes that hold.
    cycle : :py:`Out(1)`
        A cycle of a run.
    causes : :py:`Out(len(Cause))`
        The cause that counts, by its bit; none without a run.
    """

    def __init__(self):
        super().__init__({
            "running": In(1),
            **{cause.name.lower(): In(1) for cause in Cause if cause != Cause.ISSUE},
            "cycle": Out(1),
            "causes": Out(len(Cause)),
        })

    def elaborate(self, platform):
        m = Module()

        holds = Cat(Const(1) if cause == Cause.ISSUE else getattr(self, cause.name.lower())
                    for cause in Cause)
        m.d.sync += [self.cycle.eq(self.running), self.causes.eq(0)]
        with m.If(self.running):
            # The lowest bit that is set.
            m.d.sync += self.causes.eq(holds & -holds)

        return m
