"""Adder of one LUT4 a bit that adds an operand, subtracts it, or skips it, as a trit says."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .carry_chain import carry_chain
from .trit_decoder import Trit

__all__ = ["TritAdd"]

# With A = a, B = b, C = nonzero, D = negative: P = A ^ ((B ^ D) & C), G = A.
_INIT = 0x9A6A


class TritAdd(wiring.Component):
    """``a + b * trit``, combinational, modulo ``2^width``.

    On ECP5 it is one LUT4 a bit and one more, within the carry chain, which Yosys does not infer.
    Elsewhere it is a product and a sum.

    Parameters
    ----------
    width : :class:`int`
        Bits of the result.
    a_width, b_width : :class:`int`
        Bits of the operands, ``width`` at most.

    Members
    -------
    a : :py:`In(signed(a_width))`
        What is added to.
    b : :py:`In(signed(b_width))`
        What is added.
    trit : :py:`In(Trit)`
        How often it is added: -1, 0 or +1.
    o : :py:`Out(signed(width))`
        The sum.

    Raises
    ------
    ValueError
        If an operand is wider than the result.
    """

    def __init__(self, *, width, a_width, b_width):
        if max(a_width, b_width) > width:
            raise ValueError(f"Operands must be no wider than the sum's {width} bits, "
                             f"not {a_width} and {b_width}")
        self.width = width

        super().__init__({
            "a": In(signed(a_width)),
            "b": In(signed(b_width)),
            "trit": In(Trit),
            "o": Out(signed(width)),
        })

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            # A subtraction is a + ~b + 1; the lowest half carries the 1 in.
            trit = self.trit
            halves = [(trit.negative, trit.negative, C(1), C(0)),
                      *((self.a[min(n, len(self.a) - 1)], self.b[min(n, len(self.b) - 1)],
                         trit.nonzero, trit.negative) for n in range(self.width))]
            m.d.comb += self.o.eq(carry_chain(m, _INIT, halves)[1:])
        else:
            # A trit's bits are those of a signed number. The product takes no branches in a
            # simulation, which would be mispredicted.
            m.d.comb += self.o.eq(self.a + self.b * self.trit.as_value().as_signed())

        return m
