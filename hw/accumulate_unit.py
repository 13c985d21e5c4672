"""The accumulate unit: adds a code, subtracts it, or skips it, as a trit says."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .trit_add import TritAdd
from .trit_decoder import Trit

__all__ = ["AccumulateUnit"]


class AccumulateUnit(wiring.Component):
    """One accumulator, signed, with ``sum += code * trit`` in each enabled clock.

    One LUT4 a bit and one more on ECP5, see :class:`TritAdd`. It does not saturate: ``width`` must
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
        m.submodules.adder = adder = TritAdd(width=self.width, a_width=self.width, b_width=8)
        m.d.comb += [
            adder.a.eq(acc),
            adder.b.eq(self.code),
            adder.trit.eq(self.trit),
            self.sum.eq(acc),
        ]
        with m.If(self.clear):
            m.d.sync += acc.eq(0)
        with m.Elif(self.en):
            m.d.sync += acc.eq(adder.o)

        return m
