"""A PLL's phase and what an SDRAM chip makes of it, for the simulated board."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ClockPhase"]


class ClockPhase(wiring.Component):
    """Counts the steps that the PLL is told, and says whether the chip works at that phase.

    Parameters
    ----------
    steps : :class:`int`
        Steps of a period.
    window : tuple of :class:`int`
        First and last phase at which the chip works, in steps later than built; may be negative.
    edge : :class:`int`
        Phases on either side of the window at which it works badly.

    Members
    -------
    step : :py:`In(1)`
        Each falling edge is a step later.
    skew : :py:`Out(2)`
        See :class:`.sdram_chip.SDRAMChip`.
    """

    step: In(1)
    skew: Out(2)

    def __init__(self, *, steps, window, edge=2):
        self.steps = steps
        self.window = window
        self.edge = edge
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        first, last = self.window
        phase = Signal(range(self.steps))
        stepped = Signal()
        m.d.sync += stepped.eq(self.step)
        with m.If(stepped & ~self.step):
            m.d.sync += phase.eq(Mux(phase == self.steps - 1, 0, phase + 1))

        near = [place % self.steps for place in range(first - self.edge, last + self.edge + 1)]
        good = [place % self.steps for place in range(first, last + 1)]
        with m.Switch(phase):
            with m.Case(*good):
                m.d.sync += self.skew.eq(0)
            with m.Case(*near):
                m.d.sync += self.skew.eq(1)
            with m.Default():
                m.d.sync += self.skew.eq(2)

        return m
