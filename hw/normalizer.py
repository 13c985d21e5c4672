"""Normalizer: turns an integer and an exponent into a scalar."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .scalar_command import Scalar

__all__ = ["Normalizer", "Unnormalized"]

EXPONENT_MIN, EXPONENT_MAX = -512, 511


class Unnormalized(data.Struct):
    """The number value * 2^(exponent - 49), so that a leading one in bit 79 keeps its exponent."""

    value: unsigned(80)
    exponent: signed(12)


class Normalizer(wiring.Component):
    """Brings the leading one of ``value`` to the top and truncates what does not fit a mantissa.

    The exponent is adjusted. Above 511 the result is the largest scalar, below -512 it is zero,
    and so it is where ``value`` is zero. Bit exact with
    :func:`trine.sim.golden.scalar.from_integer`. It is meant for what is normalised already, or
    almost: the sums, products, and quotients of scalars. Other numbers are shifted by eight places
    or by one in a clock.

    Members
    -------
    i : :py:`In(stream.Signature(Unnormalized))`
        A number: ``exponent`` -1536 ... 1535. Ready when none is under way.
    o : :py:`Out(stream.Signature(Scalar))`
        The scalar.
    """

    i: In(stream.Signature(Unnormalized))
    o: Out(stream.Signature(Scalar))

    #: Clocks from a number to its scalar, where bit 79 or bit 78 is set, and at most.
    latency = 1
    latency_max = 16

    def elaborate(self, platform):
        m = Module()

        value = Signal(80, reset_less=True)
        exponent = Signal(signed(12), reset_less=True)
        under_way = Signal()
        # Shifts by eight: ten of them leave nothing.
        eights = Signal(range(11), reset_less=True)

        m.d.comb += [self.i.ready.eq(~under_way),
                     self.o.valid.eq(under_way & (value[-2:].any() | (eights == 10)))]
        with m.If(~under_way):
            m.d.sync += [under_way.eq(self.i.valid), value.eq(self.i.p.value),
                         exponent.eq(self.i.p.exponent), eights.eq(0)]
        with m.Elif(self.o.valid):
            m.d.sync += under_way.eq(~self.o.ready)
        with m.Elif(value[-8:].any()):
            m.d.sync += [value.eq(value << 1), exponent.eq(exponent - 1)]
        with m.Else():
            m.d.sync += [value.eq(value << 8), exponent.eq(exponent - 8), eights.eq(eights + 1)]

        # The last place comes on the way out.
        e = Signal(signed(12))
        m.d.comb += e.eq(exponent - ~value[-1])
        with m.If(~value[-2:].any() | (e < EXPONENT_MIN)):
            m.d.comb += [self.o.p.m.eq(0), self.o.p.e.eq(EXPONENT_MIN)]
        with m.Elif(e > EXPONENT_MAX):
            m.d.comb += [self.o.p.m.eq(~0), self.o.p.e.eq(EXPONENT_MAX)]
        with m.Else():
            m.d.comb += [self.o.p.m.eq(Mux(value[-1], value[49:], value[48:-1])),
                         self.o.p.e.eq(e)]

        return m
