"""Gumbel noise from a hash of seed, position and row."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.tables import GUMBEL, HASH_ROTATIONS, HASH_START

from .product import Product

__all__ = ["Gumbel"]


class Gumbel(wiring.Component):
    """Noise that depends only on seed, position and row.

    Bit exact with :func:`trine.sim.golden.gumbel.gumbel`, which describes the method. The hash
    takes one step a clock, and the table is read while the next row is hashed.

    Members
    -------
    i : :py:`In(stream.Signature({seed, position, row}))`
        Which noise: one in ``interval`` clocks.
    o : :py:`Out(stream.Signature(signed(18), always_ready=True))`
        The noise, with 12 fraction bits.

    Memory: a table of 1024 x 18 bits, one block RAM.
    """

    i: In(stream.Signature(data.StructLayout({"seed": 32, "position": 32, "row": 18})))
    o: Out(stream.Signature(signed(18), always_ready=True))

    #: Clocks from a row to its noise.
    latency = 16
    #: Clocks from row to row.
    interval = 8

    def elaborate(self, platform):
        m = Module()

        # The hash: x, y, z are c, b, a in turn, so that all steps differ only in the rotation.
        x, y, z = (Signal(32, name=name, reset_less=True) for name in "xyz")
        # One of the steps is under way, or none: an AND and an OR choose faster than a number.
        step = Signal(len(HASH_ROTATIONS))
        idle = Signal(init=1)
        rotated = Signal(32)
        m.d.comb += [
            rotated.eq(reduce(or_, (y.rotate_left(rotation) & strobe.replicate(32)
                                    for rotation, strobe in zip(HASH_ROTATIONS, step)))),
            self.i.ready.eq(idle),
        ]
        m.d.sync += step.eq(step << 1)
        with m.If(~idle):
            m.d.sync += [x.eq(z), y.eq((x ^ y) - rotated), z.eq(y), idle.eq(step[-1])]
        with m.Elif(self.i.valid):
            m.d.sync += [x.eq(self.i.p.row + HASH_START), y.eq(self.i.p.position + HASH_START),
                         z.eq(self.i.p.seed + HASH_START), step.eq(1), idle.eq(0)]

        # Strobes of the clocks behind the hash's last step.
        stages = Signal(8)
        m.d.sync += stages.eq(Cat(step[-1], stages))

        # Place of the leading one: of four bytes, then by halves.
        c, b = y, z
        below = Signal(32)
        # Where it is zero, which golden makes a one, place 0 is found as well.
        m.d.comb += below.eq(Mux(c[31], ~c[:31], c[:31]))
        octets = [below[first:first + 8] for first in range(0, 32, 8)]
        some = [octet.any() for octet in octets]
        high = some[3] | some[2]

        def half(bits):
            middle = len(bits) // 2
            upper = bits[middle:].any()
            return upper, Mux(upper, bits[middle:], bits[:middle])

        side, part = Signal(reset_less=True), Signal(4, reset_less=True)
        rest = Signal(8, reset_less=True)
        octave, byte = Signal(2, reset_less=True), Signal(8, reset_less=True)
        with m.If(stages[0]):
            m.d.sync += [
                octave.eq(Cat(Mux(high, some[3], some[1]), high)),
                byte.eq(Mux(high, Mux(some[3], octets[3], octets[2]),
                            Mux(some[1], octets[1], octets[0]))),
                side.eq(c[31]),
                part.eq(b[8:12]),
                rest.eq(b[:8]),
            ]

        # The table's entry and the next one, and the point between them.
        m.submodules.table = table = Memory(shape=signed(18), depth=len(GUMBEL), init=GUMBEL)
        read = table.read_port()
        index = Signal(range(len(GUMBEL)), reset_less=True)
        entry, following = (Signal(signed(18), name=name, reset_less=True)
                            for name in ("entry", "following"))
        slope = Signal(signed(10), reset_less=True)
        m.submodules.product = product = Product(slope.shape(), rest.shape(), latency=1)
        m.d.comb += [read.addr.eq(index), read.en.eq(stages[2] | stages[3]),
                     product.a.eq(slope), product.b.eq(rest)]
        with m.If(stages[1]):
            bit_2, remaining = half(byte)
            bit_1, remaining = half(remaining)
            m.d.sync += index.eq(Cat(part, remaining[1], bit_1, bit_2, octave, side))
        with m.If(stages[2]):
            m.d.sync += index.eq(index + 1)
        with m.If(stages[3]):
            m.d.sync += entry.eq(read.data)
        with m.If(stages[4]):
            m.d.sync += following.eq(read.data)
        with m.If(stages[5]):
            m.d.sync += slope.eq(following - entry)
        with m.If(stages[7]):
            m.d.sync += self.o.payload.eq(entry + (product.o >> 8))
        m.d.sync += self.o.valid.eq(stages[7])

        return m
