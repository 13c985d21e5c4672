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
    or by one in a clock; the largest scalar and zero are shifted in.

    Members
    -------
    i : :py:`In(stream.Signature(Unnormalized))`
        A number: ``exponent`` -1536 ... 1535. Ready when none is under way.
    o : :py:`Out(stream.Signature(Scalar))`
        The scalar.
    """

    i: In(stream.Signature(Unnormalized))
    o: Out(stream.Signature(Scalar))

    #: Clocks from a number to its scalar, where bit 79 is set, and at most.
    latency = 1
    latency_max = 28

    def elaborate(self, platform):
        m = Module()

        value = Signal(80, reset_less=True)
        exponent = Signal(signed(12), reset_less=True)
        # Shifts by eight to come at most: ten of them replace every bit.
        eights = Signal(range(10), reset_less=True)
        # The result is out of range: the bit that fills it up, and the sign of its exponent.
        clamped, filled, fill, negative = (Signal(name=name, reset_less=True) for name in (
            "clamped", "filled", "fill", "negative"))

        places = Signal(4)
        m.d.sync += exponent.eq(exponent - places)
        m.d.comb += [
            self.o.p.m.eq(value[49:]),
            self.o.p.e.eq(Mux(filled, Cat(~negative.replicate(9), negative), exponent)),
        ]

        with m.FSM():
            with m.State("Take-Number"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [value.eq(self.i.p.value), exponent.eq(self.i.p.exponent),
                             eights.eq(9), clamped.eq(0), filled.eq(0), fill.eq(0),
                             negative.eq(1)]
                with m.If(self.i.valid):
                    m.next = "Shift-One"

            with m.State("Shift-One"):
                in_range = (exponent[9:] == 0) | exponent[9:].all()
                m.d.comb += self.o.valid.eq(value[79] & in_range)
                with m.If(~value[79]):
                    m.d.comb += places.eq(1)
                    m.d.sync += value.eq(value << 1)
                    with m.If(~value[71:].any()):
                        m.next = "Shift-Eight"
                with m.Elif(~in_range):
                    m.d.sync += [clamped.eq(1), fill.eq(~exponent[-1]), eights.eq(9),
                                 negative.eq(exponent[-1])]
                    m.next = "Shift-Eight"
                with m.Elif(self.o.ready):
                    m.next = "Take-Number"

            with m.State("Shift-Eight"):
                # The byte that comes to the top tells where this ends. A zero has none.
                m.d.comb += places.eq(8)
                m.d.sync += [value.eq(Cat(fill.replicate(8), value)), eights.eq(eights - 1)]
                with m.If(value[64:72].any() & ~clamped):
                    m.next = "Shift-One"
                with m.Elif(eights == 0):
                    m.d.sync += filled.eq(1)
                    m.next = "Give-Filled"

            with m.State("Give-Filled"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "Take-Number"

        return m
