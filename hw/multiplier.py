"""Pipelined 32 x 32 bit multiplier."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .product import Product

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """The exact signed product of two int32, one a clock.

    Four :class:`Product` of 16-bit halves: four MULT18X18D of an ECP5.

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
        a_low, a_high = self.i.p.a[:16], self.i.p.a[16:].as_signed()
        b_low, b_high = self.i.p.b[:16], self.i.p.b[16:].as_signed()

        def product(name, a, b):
            m.submodules[name] = product = Product(a.shape(), b.shape())
            m.d.comb += [product.a.eq(a), product.b.eq(b)]
            return product.o

        low, high = product("low", a_low, b_low), product("high", a_high, b_high)
        cross, other_cross = product("cross", a_high, b_low), product("other_cross", b_high, a_low)
        valid_factors, valid_products, valid_outer = Signal(), Signal(), Signal()
        m.d.sync += [valid_factors.eq(self.i.valid), valid_products.eq(valid_factors)]

        outer = Signal(signed(64), reset_less=True)
        middle = Signal(signed(34), reset_less=True)
        m.d.sync += valid_outer.eq(valid_products)
        with m.If(valid_products):
            m.d.sync += [outer.eq(Cat(low, high)), middle.eq(cross + other_cross)]

        m.d.sync += self.o.valid.eq(valid_outer)
        with m.If(valid_outer):
            upper = (outer >> 16).as_signed() + middle
            m.d.sync += self.o.payload.eq(Cat(outer[:16], upper[:48]))

        return m
