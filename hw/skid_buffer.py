"""Skid buffer: a stream's border, with registers on both sides."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SkidBuffer"]


class SkidBuffer(wiring.Component):
    """Passes a stream on one clock later, one payload a clock.

    ``i.ready`` is a flip-flop as ``o`` is, so that no path leads through. The payload that arrives
    while the sink stalls first is kept beside the one on offer.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.

    Members
    -------
    i, o : :py:`In(stream.Signature(shape))`, :py:`Out(stream.Signature(shape))`
        The stream on its two sides.
    """

    #: Clocks from a payload taken to the same offered, when empty.
    latency = 1

    def __init__(self, shape):
        self.shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()

        kept = Signal(self.shape, reset_less=True)
        full = Signal()
        advance = Signal()
        m.d.comb += [
            advance.eq(self.o.ready | ~self.o.valid),
            self.i.ready.eq(~full),
        ]
        with m.If(~full):
            m.d.sync += kept.eq(self.i.payload)
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | full),
                self.o.payload.eq(Mux(full, kept, self.i.payload)),
                full.eq(0),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += full.eq(1)

        return m
