"""Sigmoid of a fixed-point number: a table and a straight line between its entries."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import SIGMOID_FRACTION
from trine.firmware.tables import SIGMOID

__all__ = ["Sigmoid"]

#: Bits of the magnitude that count: 4 before the binary point, 22 behind it.
_MAGNITUDE_BITS, _FRACTION = 26, 22
#: Bits of the magnitude within a segment of the table.
_PART_BITS = 16
#: What all entries have in common: the sigmoid of a magnitude is one half or more.
_HALF = 1 << SIGMOID_FRACTION - 1


class Sigmoid(wiring.Component):
    """The sigmoid of an int32, one a clock, bit exact with :func:`trine.sim.golden.vector.sigmoid`.

    The table takes 1024 rows of 39 bits, three block RAMs of an ECP5; one MULT18X18D.

    Members
    -------
    i : :py:`In(stream)`
        ``a``, an int32 with ``fraction`` fraction bits (0 ... 63); ``negate`` for the sigmoid of
        -a. Always ready.
    o : :py:`Out(stream)`
        The sigmoid, 0 ... 2^24, with 24 fraction bits. The sink is always ready.
    """

    #: Clocks from a to its sigmoid.
    latency = 7

    i: In(stream.Signature(data.StructLayout({"a": signed(32), "fraction": 6, "negate": 1}),
                           always_ready=True))
    o: Out(stream.Signature(unsigned(SIGMOID_FRACTION + 1), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal(self.latency - 1)
        m.d.sync += Cat(valid, self.o.valid).eq(Cat(self.i.valid, valid))

        # The sign of the argument travels beside its magnitude, stage by stage.
        negative = Signal(6, reset_less=True)
        m.d.sync += negative.eq(Cat(self.i.p.a[-1] ^ self.i.p.negate, negative))

        magnitude = Signal(32, reset_less=True)
        fraction = Signal(6, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [
                magnitude.eq(abs(self.i.p.a)),
                fraction.eq(self.i.p.fraction),
            ]

        # The magnitude with 22 fraction bits is (magnitude << 22) >> fraction: by eights, ...
        coarse = Signal(_MAGNITUDE_BITS + 7, reset_less=True)
        coarse_fraction = Signal(3, reset_less=True)
        beyond = Signal(reset_less=True)
        wide = Cat(C(0, _FRACTION), magnitude)
        with m.If(valid[0]):
            m.d.sync += coarse_fraction.eq(fraction)
            with m.Switch(fraction[3:]):
                for eights in range(8):
                    with m.Case(eights):
                        m.d.sync += coarse.eq(wide[8 * eights:])
                        m.d.sync += beyond.eq(wide[8 * eights + len(coarse):].any())

        # ... by ones, and limited to the end of the table.
        aligned = Signal(_MAGNITUDE_BITS, reset_less=True)
        fine = Signal.like(coarse)
        m.d.comb += fine.eq(coarse >> coarse_fraction)
        with m.If(valid[1]):
            m.d.sync += aligned.eq(
                fine | (beyond | fine[_MAGNITUDE_BITS:].any()).replicate(_MAGNITUDE_BITS))

        # Base and slope of the segment, from block RAM and its register.
        row = data.StructLayout({"base": SIGMOID_FRACTION - 1, "slope": 16})
        m.submodules.table = table = Memory(shape=row, depth=len(SIGMOID) - 1, init=[
            {"base": start - _HALF, "slope": end - start}
            for start, end in pairwise(SIGMOID)])
        read = table.read_port()
        m.d.comb += read.addr.eq(aligned[_PART_BITS:])
        m.d.comb += read.en.eq(valid[2])
        segment = Signal(row, reset_less=True)
        read_part = Signal(_PART_BITS, reset_less=True)
        part = Signal(_PART_BITS, reset_less=True)
        with m.If(valid[2]):
            m.d.sync += read_part.eq(aligned)
        with m.If(valid[3]):
            m.d.sync += [segment.eq(read.data), part.eq(read_part)]

        # 2^24 - (base + rise) is (2^24 - base) - rise: one addition behind the product.
        base = Signal(SIGMOID_FRACTION + 1, reset_less=True)
        rise = Signal(2 * _PART_BITS, reset_less=True)
        with m.If(valid[4]):
            m.d.sync += rise.eq(segment.slope * part)
            m.d.sync += base.eq(Mux(negative[4], _HALF - segment.base, _HALF + segment.base))
        with m.If(valid[5]):
            m.d.sync += self.o.payload.eq(Mux(
                negative[5], base - (rise >> _PART_BITS), base + (rise >> _PART_BITS)))

        return m
