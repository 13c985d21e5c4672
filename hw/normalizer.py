"""Normalizer: turns an integer and an exponent into a scalar."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .scalar_command import Scalar

__all__ = ["Normalizer", "Unnormalized"]

EXPONENT_MIN, EXPONENT_MAX = -512, 511


class Unnormalized(data.Struct):
    """The number value * 2^exponent."""

    value: unsigned(80)
    exponent: signed(12)


class Normalizer(wiring.Component):
    """Shifts the leading one of ``value`` to bit 30 and truncates what falls below bit 0.

    The exponent is adjusted. Above 511 the result is the largest scalar, below -512 it is zero,
    and so it is where ``value`` is zero. Bit exact with
    :func:`trine.sim.golden.scalar.from_integer`. Takes one number per cycle.

    Members
    -------
    i : :py:`In(stream.Signature(Unnormalized, always_ready=True))`
        A number: ``exponent`` -1536 ... 1535.
    o : :py:`Out(stream.Signature(Scalar, always_ready=True))`
        The scalar.
    """

    i: In(stream.Signature(Unnormalized, always_ready=True))
    o: Out(stream.Signature(Scalar, always_ready=True))

    #: Cycles from a number to its scalar.
    latency = 4

    def elaborate(self, platform):
        m = Module()

        # The shift to the left is found digit by digit, a stage each: 0 ... 4 times 16, 0 ... 3
        # times 4, 0 ... 3. A stage keeps only what later ones can still bring to the top, and the
        # exponent follows one stage behind.
        value = Cat(Const(0, 30), self.i.p.value)
        exponent = Signal(signed(12), reset_less=True)
        valid = self.i.valid
        with m.If(valid):
            # All of the value's 80 bits shifted to the top: the upper 31 lie 49 higher than m.
            m.d.sync += exponent.eq(self.i.p.exponent + 49)

        for step, digits, width in (16, 5, 46), (4, 4, 34), (1, 4, 31):
            shifted = Signal(width, name=f"shifted_{step}", reset_less=True)
            digit = Signal(range(digits), name=f"digit_{step}", reset_less=True)
            tops = [len(value) - n * step for n in range(digits)]
            zeros = Cat(~value[top - step:top].any() for top in tops[:-1])
            with m.If(valid), m.Switch(zeros):
                for n, top in enumerate(tops):
                    # Digit n: group n is the first that is not zero, or all before it are.
                    with m.Case("-" * (digits - 2 - n) + "0" * (n < digits - 1) + "1" * n):
                        m.d.sync += [shifted.eq(value[top - width:top]), digit.eq(n)]

            next_valid = Signal(name=f"valid_{step}")
            m.d.sync += next_valid.eq(valid)
            value, valid = shifted, next_valid
            reduced = Signal(signed(12), name=f"reduced_{step}")
            m.d.comb += reduced.eq(exponent - digit * step)
            if step > 1:
                exponent = Signal(signed(12), name=f"exponent_{step}", reset_less=True)
                with m.If(valid):
                    m.d.sync += exponent.eq(reduced)

        m.d.sync += self.o.valid.eq(valid)
        with m.If(valid):
            with m.If(~value[-1] | (reduced < EXPONENT_MIN)):
                m.d.sync += [self.o.p.m.eq(0), self.o.p.e.eq(EXPONENT_MIN)]
            with m.Elif(reduced > EXPONENT_MAX):
                m.d.sync += [self.o.p.m.eq(~0), self.o.p.e.eq(EXPONENT_MAX)]
            with m.Else():
                m.d.sync += [self.o.p.m.eq(value), self.o.p.e.eq(reduced)]

        return m
