"""Sigmoid of a fixed-point number: a table and a straight line between its entries."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import SIGMOID_FRACTION
from trine.firmware.tables import SIGMOID

from .delay import delay
from .or_add import OrAdd
from .product import Product

__all__ = ["Sigmoid"]

#: Bits of the magnitude that count: 4 before the binary point, 22 behind it.
_MAGNITUDE_BITS, _FRACTION = 26, 22
#: Bits that the coarse shift is a multiple of.
_COARSE = 16
#: Bits that matter behind the coarse shift: those that count, and what the fine shift may remove.
_WINDOW = _MAGNITUDE_BITS + _COARSE - 1
#: Bits of the magnitude within a segment of the table.
_PART_BITS = 16
#: What all entries have in common: the sigmoid of a magnitude is one half or more.
_HALF = 1 << SIGMOID_FRACTION - 1


class Sigmoid(wiring.Component):
    """The sigmoid of an int32, one a clock, bit exact with :func:`trine.sim.golden.vector.sigmoid`.

    The table takes 1024 rows of 40 bits, three block RAMs of an ECP5. The argument is shifted to
    the table's binary point as :class:`RoundShift` does it: four MULT18X18D in all.

    Members
    -------
    i : :py:`In(stream)`
        ``a``, an int32 with ``fraction`` fraction bits (0 ... 63); ``negate`` for the sigmoid of
        -a. Always ready.
    o : :py:`Out(stream)`
        The sigmoid, above 0 and below 1, with 24 fraction bits, behind one gate. The sink is
        always ready.
    """

    #: Clocks from a to its sigmoid.
    latency = 9

    i: In(stream.Signature(data.StructLayout({"a": signed(32), "fraction": 6, "negate": 1}),
                           always_ready=True))
    o: Out(stream.Signature(unsigned(SIGMOID_FRACTION), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal(self.latency - 1)
        m.d.sync += Cat(valid, self.o.valid).eq(Cat(self.i.valid, valid))

        negative = delay(m, self.i.p.a[-1] ^ self.i.p.negate, 8, name="negative")

        m.submodules.absolute = absolute = OrAdd(width=32)
        magnitude = Signal(32, reset_less=True)
        fraction = Signal(6, reset_less=True)
        m.d.comb += [absolute.c.eq(self.i.p.a), absolute.subtract.eq(self.i.p.a[-1])]
        m.d.sync += [magnitude.eq(absolute.o), fraction.eq(self.i.p.fraction)]

        # The magnitude with 22 fraction bits is (magnitude << 22) >> fraction: by sixteens, ...
        whole = Cat(C(0, _FRACTION), magnitude)
        fine_fraction = Signal(4, reset_less=True)
        copies = []
        for n in range(4):
            copy = Signal(_WINDOW, name=f"copy_{n}", reset_less=True)
            copies.append(copy)
            with m.If(fraction[4:] == n):
                m.d.sync += copy.eq(whole[_COARSE * n:])
            with m.Else():
                m.d.sync += copy.eq(0)
        m.d.sync += fine_fraction.eq(fraction)
        beyond = delay(m, (fraction[4:] == 0) & whole[_WINDOW:].any(), 3, name="beyond")

        # ... and by ones, with a power of two. No two of the products have a bit in common.
        window = Signal(_WINDOW)
        power = Signal(_COARSE)
        m.d.comb += [
            window.eq(copies[0] | copies[1] | copies[2] | copies[3]),
            power.eq(Cat(fine_fraction == n for n in reversed(range(_COARSE)))),
        ]

        def multiply(name, a, b, *, latency=2):
            m.submodules[name] = product = Product(a.shape(), b.shape(), latency=latency)
            m.d.comb += [product.a.eq(a), product.b.eq(b)]
            return product.o

        low = multiply("low", window[:16], power)
        middle = multiply("middle", window[16:32], power)
        high = multiply("high", window[32:], power)
        joined = Signal(_MAGNITUDE_BITS, reset_less=True)
        outside = Signal(reset_less=True)
        m.d.sync += [
            joined.eq(low[15:31] | middle[:31] << 1 | high << 17),
            outside.eq(beyond | middle[25:31].any() | high[9:24].any()),
        ]
        aligned = joined | outside.replicate(_MAGNITUDE_BITS)

        # Base and slope of the segment, from block RAM and its register. The base is one less.
        row = data.StructLayout({"base": signed(SIGMOID_FRACTION), "slope": 16})
        m.submodules.table = table = Memory(shape=row, depth=len(SIGMOID) - 1, init=[
            {"base": start - _HALF - 1, "slope": end - start}
            for start, end in pairwise(SIGMOID)])
        read = table.read_port()
        m.d.comb += read.addr.eq(aligned[_PART_BITS:])
        segment = Signal(row, reset_less=True)
        m.d.sync += segment.eq(read.data)
        part = delay(m, aligned[:_PART_BITS], 2, name="part")
        rise = multiply("rise", segment.slope, part, latency=1)
        base = delay(m, segment.base, 1, name="base")

        # What is above one half, or one less and then inverted: the 1 is carried in.
        above = Signal(SIGMOID_FRACTION, reset_less=True)
        total = Cat(~negative, base).as_signed() + Cat(~negative, rise[_PART_BITS:])
        m.d.sync += above.eq(total >> 1)
        inverted = above ^ delay(m, negative, 1, name="inverted").replicate(SIGMOID_FRACTION)
        m.d.comb += self.o.payload.eq(Cat(inverted[:-1], ~inverted[-1]))

        return m
