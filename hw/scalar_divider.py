"""Bit-serial reciprocal and reciprocal square root of a scalar's mantissa."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Division", "ScalarDivider"]


class Division(data.Struct):
    """What is computed of ``divisor``, which lies in 2^30 ... 2^32 - 1."""

    divisor: unsigned(32)
    #: 0: floor(2^61 / divisor). 1: floor(sqrt(2^92 / divisor)).
    root: unsigned(1)


class ScalarDivider(wiring.Component):
    """Restoring division, one bit a cycle, with a square root that runs right behind it.

    The root takes the quotient's bits two by two as they come, most significant first, so the 63
    bits of 2^92 / divisor are never stored. Exact: the bits of
    :func:`trine.sim.golden.scalar.recip` and :func:`~trine.sim.golden.scalar.rsqrt` before they
    are normalised.

    Members
    -------
    i : :py:`In(stream.Signature(Division))`
        Ready when nothing is under way.
    o : :py:`Out(stream.Signature(32))`
        The result, 2^29 ... 2^31.
    """

    i: In(stream.Signature(Division))
    o: Out(stream.Signature(32))

    #: Cycles from a divisor to its quotient, and to its root.
    latency = 33
    latency_root = 65

    def elaborate(self, platform):
        m = Module()

        divisor = Signal(32, reset_less=True)
        root = Signal(reset_less=True)
        # Quotient or root: bits come in from below.
        result = Signal(32, reset_less=True)
        steps = Signal(range(self.latency_root))

        # Division. remainder < divisor holds throughout.
        remainder = Signal(32, reset_less=True)
        doubled = Signal(33)
        reduced = Signal(signed(34))
        bit = Signal()
        m.d.comb += [doubled.eq(remainder << 1), reduced.eq(doubled - divisor),
                     bit.eq(~reduced[-1])]

        # Square root of the quotient's bits: rest <= 2 * result holds throughout.
        pair = Signal(2, reset_less=True)
        rest = Signal(33, reset_less=True)
        grown = Signal(35)
        lowered = Signal(signed(36))
        m.d.comb += [grown.eq(Cat(pair, rest)), lowered.eq(grown - Cat(Const(1, 2), result))]

        def shift_in(bit):
            m.d.sync += result.eq(Cat(bit, result))

        with m.FSM():
            with m.State("Take-Divisor"):
                m.d.comb += self.i.ready.eq(1)
                # The dividends begin with 2^29, which is less than any divisor, so their quotients
                # have the 32 bits of what follows in 2^61, and 63 in 2^92: with a zero before them
                # 32 pairs. The last root step comes one cycle behind the last bit.
                m.d.sync += [divisor.eq(self.i.p.divisor), root.eq(self.i.p.root),
                             remainder.eq(1 << 29), result.eq(0), rest.eq(0), pair.eq(0),
                             steps.eq(Mux(self.i.p.root, 63, 31))]
                with m.If(self.i.valid):
                    m.next = "Divide"

            with m.State("Divide"):
                m.d.sync += [remainder.eq(Mux(bit, reduced, doubled)), pair.eq(Cat(bit, pair)),
                             steps.eq(steps - 1)]
                with m.If(~root):
                    shift_in(bit)
                # A pair is complete after each even step from the first one on.
                with m.Elif(~steps[0]):
                    m.d.sync += rest.eq(Mux(lowered[-1], grown, lowered))
                    shift_in(~lowered[-1])
                with m.If(steps == 0):
                    m.next = "Give-Result"

            with m.State("Give-Result"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "Take-Divisor"

        m.d.comb += self.o.payload.eq(result)
        return m
