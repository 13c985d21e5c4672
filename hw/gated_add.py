"""Adder of one LUT4 a bit that leaves one operand out where it is told to."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .carry_chain import carry_chain

__all__ = ["GatedAdd"]

# With A = b, C = a, D = en: P = b ^ (a & en), G = b.
_INIT = 0x5AAA


class GatedAdd(wiring.Component):
    """``a + b + carry``, or without ``en`` only ``b + carry``, combinational, modulo ``2^width``.

    On ECP5 it is one LUT4 a bit and one more, within the carry chain, which Yosys does not infer.
    Elsewhere it is written as it reads.

    Parameters
    ----------
    width : :class:`int`
        Bits of operands and result.

    Members
    -------
    a : :py:`In(width)`
        The operand that may be left out.
    en : :py:`In(1)`
        Take it in.
    b : :py:`In(width)`
        The operand that is always there.
    carry : :py:`In(1)`
        One more.
    o : :py:`Out(width)`
        The sum.
    """

    def __init__(self, *, width):
        self.width = width

        super().__init__({
            "a": In(width),
            "en": In(1),
            "b": In(width),
            "carry": In(1),
            "o": Out(width),
        })

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            # The lowest half carries `carry` in.
            halves = [(self.carry, C(0), self.carry, C(1)),
                      *((self.b[n], C(0), self.a[n], self.en) for n in range(self.width))]
            m.d.comb += self.o.eq(carry_chain(m, _INIT, halves)[1:])
        else:
            m.d.comb += self.o.eq(Mux(self.en, self.a, 0) + self.b + self.carry)

        return m
