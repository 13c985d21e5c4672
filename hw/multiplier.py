"""Pipelined 32 x 32 bit multiplier."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """The exact signed product of two int32, one a clock.

    Four products of 16-bit halves, registered in and out, which Yosys maps to one MULT18X18D of
    an ECP5 each; written portably, so there is no second form for simulation.

    Members
    -------
    i : :py:`In(stream)`
        Factors ``a`` and ``b``, int32. Always ready.
    o : :py:`Out(stream)`
        Product, 64 bits. The sink is always ready.
    """

    #: Clocks from factors to product.
    latency = 4

    i: In(stream.Signature(data.StructLayout({"a": signed(32), "b": signed(32)}),
                           always_ready=True))
    o: Out(stream.Signature(signed(64), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        # Factors: signed upper and unsigned lower halves.
        valid_factors = Signal()
        a, b = Signal(signed(32), reset_less=True), Signal(signed(32), reset_less=True)
        m.d.sync += valid_factors.eq(self.i.valid)
        with m.If(self.i.valid):
            m.d.sync += [a.eq(self.i.p.a), b.eq(self.i.p.b)]

        valid_products = Signal()
        high = Signal(signed(32), reset_less=True)
        a_high = Signal(signed(33), reset_less=True)
        b_high = Signal(signed(33), reset_less=True)
        low = Signal(32, reset_less=True)
        m.d.sync += valid_products.eq(valid_factors)
        with m.If(valid_factors):
            m.d.sync += [
                high.eq(a[16:].as_signed() * b[16:].as_signed()),
                a_high.eq(a[16:].as_signed() * b[:16]),
                b_high.eq(b[16:].as_signed() * a[:16]),
                low.eq(a[:16] * b[:16]),
            ]

        valid_outer = Signal()
        outer = Signal(signed(64), reset_less=True)
        middle = Signal(signed(34), reset_less=True)
        m.d.sync += valid_outer.eq(valid_products)
        with m.If(valid_products):
            m.d.sync += [outer.eq(Cat(low, high)), middle.eq(a_high + b_high)]

        m.d.sync += self.o.valid.eq(valid_outer)
        with m.If(valid_outer):
            upper = (outer >> 16).as_signed() + middle
            m.d.sync += self.o.payload.eq(Cat(outer[:16], upper[:48]))

        return m
