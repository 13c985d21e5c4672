"""The trit decoder: a packed byte becomes five trits."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Trit", "TritDecoder"]


class Trit(data.Struct):
    """A trit as the accumulators want it: 0 is 00, +1 is 01, -1 is 11."""

    nonzero: 1
    #: Only set where ``nonzero`` is.
    negative: 1


def _digits(index, n):
    """Return ``n`` base-3 digits of an index as the bits of trits: digits 0, 1, 2 are 0, +1, -1."""
    return sum((0b00, 0b01, 0b11)[index // 3**k % 3] << 2 * k for k in range(n))


class TritDecoder(wiring.Component):
    """Escape-coded byte to five trits, combinational: 20 LUT4 on ECP5.

    The code is that of :mod:`trine.firmware.packing`. Of the 13 bytes that are no codes, trits 0
    to 2 are zeros.

    Members
    -------
    packed : :py:`In(8)`
        Five trits.
    trits : :py:`Out(data.ArrayLayout(Trit, 5))`
        The same, first trit first.
    """

    packed: In(8)
    trits: Out(data.ArrayLayout(Trit, 5))

    def elaborate(self, platform):
        m = Module()

        # Bits 4:2 all set say that the last two trits are index 8, which has no room in bits 7:5;
        # those bits then take the place of bits 4:2.
        escape = Signal()
        three = Signal(5)
        m.d.comb += [
            escape.eq(self.packed[2:5].all()),
            three.eq(Cat(self.packed[:2], Mux(escape, self.packed[5:], self.packed[2:5]))),
        ]

        first = Signal(6)
        with m.Switch(three):
            for index in range(27):
                with m.Case(index):
                    m.d.comb += first.eq(_digits(index, 3))

        last = Signal(4)
        with m.Switch(Cat(self.packed[5:], escape)):
            for index in range(8):
                with m.Case(index):
                    m.d.comb += last.eq(_digits(index, 2))
            with m.Default():
                m.d.comb += last.eq(_digits(8, 2))

        m.d.comb += self.trits.as_value().eq(Cat(first, last))
        return m
