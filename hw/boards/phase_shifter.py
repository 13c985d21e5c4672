"""Phase shifter: moves the phase of a PLL's output while it runs, step by step.

Ref: Lattice FPGA-TN-02200, dynamic phase adjustment of the EHXPLLL.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import PAGES, address

from ..link.bus import RegisterBus
from ..register_file import RegisterFile

__all__ = ["PhaseShifter"]


class PhaseShifter(wiring.Component):
    """Takes the phase where the host wants it.

    The clock is only ever delayed, as far as a whole period to come back to where it was built:
    so no cycle becomes shorter than it is without, and no edge can be lost or added. A reset
    changes nothing, for the PLL keeps its phase as well.

    Parameters
    ----------
    steps : :class:`int`
        Steps of a period; 0 where there is nothing to shift, and ``step`` stays low.
    built : :class:`int`
        Steps of the phase that the PLL begins with.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``clock``.
    step : :py:`Out(1)`
        Each falling edge delays the clock by a step. Both levels last 8 clocks or more.
    moved : :py:`Out(1)`
        Strobe: the phase is where it should be, after it was elsewhere.

    Raises
    ------
    ValueError
        If the number of steps is negative, or the phase not below it.
    """

    bus: In(RegisterBus)
    step: Out(1)
    moved: Out(1)

    def __init__(self, *, steps, built=0):
        if steps < 0:
            raise ValueError(f"Number of phase steps must not be negative, not {steps!r}")
        if not 0 <= built < max(steps, 1):
            raise ValueError(f"Phase must be below {max(steps, 1)} steps, not {built!r}")
        self.steps = steps
        self.built = built
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        target = Signal(range(self.steps), reset_less=True)
        phase = Signal(range(self.steps), reset_less=True)
        timer = Signal(4, reset_less=True)
        step = Signal(reset_less=True)
        moving = Signal(reset_less=True)

        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)

        def chosen(name):
            return file.addr[:2] == address(name) - PAGES["clock"].address

        for name, value in {"PHASE_STEPS": self.steps, "PHASE_BUILT": self.built,
                            "PHASE_TARGET": target, "PHASE": phase}.items():
            with m.If(chosen(name)):
                m.d.comb += file.word.eq(value)
        with m.If(file.write & chosen("PHASE_TARGET") & (file.data < self.steps)):
            m.d.sync += target.eq(file.data)

        # A step takes 16 clocks, high in the second half of them.
        m.d.comb += self.step.eq(step)
        m.d.sync += [step.eq(timer[-1]), self.moved.eq(0)]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer + 1)
            with m.If(timer.all()):
                m.d.sync += phase.eq(Mux(phase == self.steps - 1, 0, phase + 1))
        with m.Elif(phase != target):
            m.d.sync += [timer.eq(1), moving.eq(1)]
        with m.Elif(moving):
            m.d.sync += [self.moved.eq(1), moving.eq(0)]

        return m
