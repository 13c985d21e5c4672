"""Adder of one LUT4 a bit that also subtracts, and joins two halves of an operand."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .carry_chain import carry_chain

__all__ = ["OrAdd"]

# With A = c, B = subtract, C = a, D = b: P = (a | b) ^ (c ^ subtract), G = c ^ subtract.
_INIT = 0x9996


class OrAdd(wiring.Component):
    """``(a | b) + c`` or ``(a | b) - c``, combinational, modulo ``2^width``.

    On ECP5 it is one LUT4 a bit and one more, within the carry chain, which Yosys does not infer:
    it would take two chains and a multiplexer. Elsewhere it is written as it reads.

    Parameters
    ----------
    width : :class:`int`
        Bits of operands and result.

    Members
    -------
    a, b : :py:`In(width)`
        First operand: one of them is zero, or ones that are set come from either.
    c : :py:`In(width)`
        Second operand.
    subtract : :py:`In(1)`
        Subtract it.
    o : :py:`Out(width)`
        The result.
    """

    def __init__(self, *, width):
        self.width = width

        super().__init__({
            "a": In(width),
            "b": In(width),
            "c": In(width),
            "subtract": In(1),
            "o": Out(width),
        })

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            # A subtraction is a + ~c + 1; the lowest half carries the 1 in.
            halves = [(self.subtract, C(0), self.subtract, C(0)),
                      *((self.c[n], self.subtract, self.a[n], self.b[n])
                        for n in range(self.width))]
            m.d.comb += self.o.eq(carry_chain(m, _INIT, halves)[1:])
        else:
            a = self.a | self.b
            m.d.comb += self.o.eq(Mux(self.subtract, a - self.c, a + self.c))

        return m
