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


def _trits(index, n, valid):
    """Return the trits of an ``n``-digit base-3 number below ``valid``, else zeros.

    Digits 0, 1, 2 are 0, +1, -1. Each bit is looked up in its truth table, one small LUT.
    """
    for digit in range(n):
        for bit in range(2):
            table = sum(((0b00, 0b01, 0b11)[value // 3**digit % 3] >> bit & 1) << value
                        for value in range(valid))
            yield Const(table, 1 << len(index)).bit_select(index, 1)


class TritDecoder(wiring.Component):
    """Escape-coded byte to five trits, in 24 LUT4 of ECP5.

    The code is that of :mod:`trine.firmware.packing`. Of the 13 bytes that are no codes, trits 0
    to 2 are zeros.

    Members
    -------
    packed : :py:`In(8)`
        Five trits.
    en : :py:`In(1)`
        Take them.
    trits : :py:`Out(data.ArrayLayout(Trit, 5))`
        The trits last taken, first trit first.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from ``packed`` to ``trits``.
    """

    packed: In(8)
    en: In(1)
    trits: Out(data.ArrayLayout(Trit, 5))

    latency = 1

    def elaborate(self, platform):
        m = Module()

        # Bits 4:2 all set say that the last two trits are index 8, which has no room in bits 7:5;
        # those bits then take the place of bits 4:2. The register stands where it keeps both
        # halves small: what Yosys finds in one piece it maps to four times as many LUT4.
        escape = Signal(reset_less=True)
        first, last = Signal(5, reset_less=True), Signal(3, reset_less=True)
        escaped = self.packed[2:5].all()
        with m.If(self.en):
            m.d.sync += [
                escape.eq(escaped),
                first.eq(Cat(self.packed[:2], Mux(escaped, self.packed[5:], self.packed[2:5]))),
                last.eq(self.packed[5:]),
            ]

        two = Signal(4)
        m.d.comb += [
            two.eq(Mux(escape, 8, last)),
            self.trits.as_value().eq(Cat(*_trits(first, 3, 27), *_trits(two, 2, 9))),
        ]

        return m
