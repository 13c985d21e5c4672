"""The accumulate unit: adds a code, subtracts it, or skips it, as a trit says."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .trit_decoder import Trit

__all__ = ["AccumulateUnit"]

# Ref: yosys, techlibs/lattice/ccu2c_sim.vh. A half computes S = P ^ CIN and passes CIN on where
# P is 1, else G; P is INIT at {D, C, B, A}, and G is INIT[3:0] at {B, A}.
# With A = sum, B = code, C = nonzero, D = negative: P = A ^ ((B ^ D) & C), G = A.
_INIT = 0x9A6A


class AccumulateUnit(wiring.Component):
    """One accumulator, signed, with ``sum += code * trit`` in each enabled clock.

    On ECP5 it is one LUT4 a bit: add, subtract and skip within the carry chain, which Yosys does
    not infer. Elsewhere it is a product and a sum. Neither saturates: ``width`` must hold all sums.

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
            self._chain(m, acc, following)
        else:
            # A trit's bits are those of a signed number. The product takes no branches in a
            # simulation, which would be mispredicted.
            m.d.comb += following.eq(acc + self.code * self.trit.as_value().as_signed())

        return m

    def _chain(self, m, acc, following):
        # A subtraction is a + ~b + 1; the 1 is carried in. nextpnr adds a cell at either end of a
        # chain, whether a signal enters and leaves there or not.
        carry = self.trit.negative
        for n in range(0, self.width, 2):
            ports = {"i_CIN": carry}
            carry = Signal(name=f"carry_{n}")
            ports["o_COUT"] = carry
            for half in range(2):
                used = n + half < self.width
                ports |= {
                    f"p_INIT{half}": C(_INIT, 16),
                    f"p_INJECT1_{half}": "NO",
                    f"i_A{half}": acc[n + half] if used else C(0),
                    f"i_B{half}": self.code[min(n + half, 7)],
                    f"i_C{half}": self.trit.nonzero,
                    f"i_D{half}": self.trit.negative,
                    f"o_S{half}": following[n + half] if used else Signal(name="unused"),
                }
            m.submodules[f"bits_{n}"] = Instance("CCU2C", **ports)
