"""Baud generator: a fractional divider that tells when the next bit begins."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BaudGenerator"]


class BaudGenerator(wiring.Component):
    """Strobes once a bit, on average exactly; no strobe is off by more than half a clock.

    Parameters
    ----------
    clock_hz : :class:`int`
        Frequency of the clock.
    baud : :class:`int`
        Bits a second, at most an eighth of ``clock_hz``.

    Members
    -------
    restart : :py:`In(1)`
        Begins a bit anew; while high, time stands still.
    half : :py:`In(1)`
        With ``restart``: begins in the middle of a bit, and two clocks later still. So much time
        has passed, on average, where the edge of a start bit is seen and the tick registered.
    tick : :py:`Out(1)`
        High in the last clock of each bit.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``.
    """

    def __init__(self, *, clock_hz, baud):
        if baud < 1 or clock_hz < 8 * baud:
            raise ValueError(f"Baud rate must be 1 to an eighth of the clock's {clock_hz} Hz, "
                             f"not {baud!r}")
        self.clock_hz = clock_hz
        self.baud = baud
        super().__init__({"restart": In(1), "half": In(1), "tick": Out(1)})

    @property
    def width(self):
        """Bits of the phase: ten more than a bit has clocks, so that the rate is off by 0.05 %."""
        return (self.clock_hz // self.baud).bit_length() + 10

    @property
    def step(self):
        """Phase of one clock; a bit is ``1 << width``."""
        return ((self.baud << self.width) + self.clock_hz // 2) // self.clock_hz

    def elaborate(self, platform):
        m = Module()

        phase = Signal(self.width)
        # The registered tick is a clock late; half a clock more rounds to the nearest one.
        begin = self.step + self.step // 2
        middle = (1 << (self.width - 1)) + 2 * self.step
        m.d.sync += Cat(phase, self.tick).eq(phase + self.step)
        with m.If(self.restart):
            m.d.sync += [phase.eq(Mux(self.half, middle, begin)), self.tick.eq(0)]

        return m
