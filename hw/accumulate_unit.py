"""The accumulate unit: adds a code, subtracts it, or skips it, as a trit says."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .trit_decoder import Trit

__all__ = ["AccumulateUnit"]

# Ref: yosys, techlibs/ecp5/cells_sim.v, CCU2C. A half computes S = P ^ CIN and passes CIN on where
# P is 1, else G; P is INIT at {D, C, B, A}, and G is INIT[3:0] at {B, A}.
# With A = sum, B = code, C = nonzero, D = negative: P = A ^ ((B ^ D) & C), G = A.
_ADD = 0x9A6A
# With D = 1: P = 0, G = A.
_CARRY_IN = 0x000A


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
        # A subtraction is a + ~b + 1. The 1 enters as the carry of a half cell in front of bit 0:
        # nextpnr would spend two halves to lead a signal into the start of a chain.
        halves = [(_CARRY_IN, self.trit.negative, C(0), C(0), C(1), None)]
        for n in range(self.width):
            halves.append((_ADD, acc[n], self.code[min(n, 7)], self.trit.nonzero,
                           self.trit.negative, following[n]))
        if len(halves) % 2:
            halves.append((_CARRY_IN, C(0), C(0), C(0), C(1), None))

        carry = C(0)
        for n in range(0, len(halves), 2):
            ports = {}
            for half, (init, a, b, c, d, s) in enumerate(halves[n:n + 2]):
                ports |= {f"p_INIT{half}": C(init, 16), f"p_INJECT1_{half}": "NO", f"i_A{half}": a,
                          f"i_B{half}": b, f"i_C{half}": c, f"i_D{half}": d}
                if s is not None:
                    ports[f"o_S{half}"] = s
            carry_out = Signal(name=f"carry_{n}")
            m.submodules[f"bits_{n}"] = Instance("CCU2C", i_CIN=carry, o_COUT=carry_out, **ports)
            carry = carry_out
