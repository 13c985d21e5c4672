"""The accumulate unit: adds a code, subtracts it, or skips it, as a trit says."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .carry_chain import carry_chain
from .trit_decoder import Trit

__all__ = ["AccumulateUnit"]

# With A = sum, B = code, C = nonzero, D = negative: P = A ^ ((B ^ D) & C), G = A.
_INIT = 0x9A6A


class AccumulateUnit(wiring.Component):
    """One accumulator, signed, with ``sum += code * trit`` in each enabled clock.

    On ECP5 it is one LUT4 a bit and one more: add, subtract and skip within the carry chain, which
    Yosys does not infer. Elsewhere it is a product and a sum. Neither saturates: ``width`` must
    hold all sums.

    Parameters
    ----------
    width : :class:`int`
        Bits of the accumulator, 8 or more.

    Members
    -------
    code : :py:`In(signed(8))`
        What is added.
    trit : :py:`In(Trit)`
        How often it is added: -1, 0 or +1.
    en : :py:`In(1)`
        Accumulate.
    clear : :py:`In(1)`
        Start again from zero; comes before ``en``. Nothing else clears the sum.
    sum : :py:`Out(signed(width))`
        The accumulator, one clock behind its inputs.

    Raises
    ------
    ValueError
        If ``width`` is below 8.
    """

    def __init__(self, *, width):
        if width < 8:
            raise ValueError(f"Accumulator width must be 8 or more, not {width!r}")
        self.width = width

        super().__init__({
            "code": In(signed(8)),
            "trit": In(Trit),
            "en": In(1),
            "clear": In(1),
            "sum": Out(signed(width)),
        })

    def elaborate(self, platform):
        m = Module()

        # The register's own reset input is free for `clear` where the design's reset leaves it.
        acc = Signal(signed(self.width), reset_less=True)
        following = Signal(signed(self.width))
        m.d.comb += self.sum.eq(acc)
        with m.If(self.clear):
            m.d.sync += acc.eq(0)
        with m.Elif(self.en):
            m.d.sync += acc.eq(following)

        if getattr(platform, "family", None) == "ecp5":
            # A subtraction is a + ~b + 1; the lowest half carries the 1 in.
            trit = self.trit
            halves = [(trit.negative, trit.negative, C(1), C(0)),
                      *((acc[n], self.code[min(n, 7)], trit.nonzero, trit.negative)
                        for n in range(self.width))]
            m.d.comb += following.eq(carry_chain(m, _INIT, halves)[1:])
        else:
            # A trit's bits are those of a signed number. The product takes no branches in a
            # simulation, which would be mispredicted.
            m.d.comb += following.eq(acc + self.code * self.trit.as_value().as_signed())

        return m
