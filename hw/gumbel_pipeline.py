"""Gumbel noise from a hash of seed, position and row, one in every clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.tables import GUMBEL, HASH_ROTATIONS, HASH_START

from .delay import delay
from .product import Product

__all__ = ["GumbelPipeline"]


class GumbelPipeline(wiring.Component):
    """What :class:`.gumbel.Gumbel` computes, one row a clock: each step has logic of its own.

    Members
    -------
    i : :py:`In(stream.Signature({seed, position, row}, always_ready=True))`
        Which noise.
    o : :py:`Out(stream.Signature(signed(18), always_ready=True))`
        The noise, with 12 fraction bits.

    Memory: a table of 1024 x 18 bits with two read ports.
    """

    i: In(stream.Signature(data.StructLayout({"seed": 32, "position": 32, "row": 18}),
                           always_ready=True))
    o: Out(stream.Signature(signed(18), always_ready=True))

    #: Clocks from a row to its noise.
    latency = len(HASH_ROTATIONS) + 10

    def elaborate(self, platform):
        m = Module()

        def register(name, value):
            signal = Signal(value.shape(), name=name, reset_less=True)
            m.d.sync += signal.eq(value)
            return signal

        # The hash: x, y, z are c, b, a in turn, as in the steps of the slower twin.
        x, y, z = (register(name, (value + HASH_START)[:32]) for name, value in (
            ("x", self.i.p.row), ("y", self.i.p.position), ("z", self.i.p.seed)))
        for n, rotation in enumerate(HASH_ROTATIONS):
            mixed = ((x ^ y) - y.rotate_left(rotation))[:32]
            x, y, z = (register(f"{name}_{n}", value)
                       for name, value in (("x", z), ("y", mixed), ("z", y)))

        # Place of the leading one, by halves: of 32 bits, 16, then 8, 4, 2.
        c, b = y, z
        def half(bits):
            middle = len(bits) // 2
            upper = bits[middle:].any()
            return upper, Mux(upper, bits[middle:], bits[:middle])

        below = register("below", Mux(c[31], ~c[:31], c[:31]))
        side, low = register("below_side", c[31]), register("below_low", b[:12])
        bit_4, remaining = half(Cat(below, Const(0, 1)))
        bit_3, remaining = half(remaining)
        octave, byte = register("octave", Cat(bit_3, bit_4)), register("byte", remaining)
        side, part, rest = (register(name, value) for name, value in (
            ("side", side), ("part", low[8:]), ("rest", low[:8])))
        bit_2, remaining = half(byte)
        bit_1, remaining = half(remaining)
        index = register("index", Cat(part, remaining[1], bit_1, bit_2, octave, side))

        # The table's entry and the next one, and the point between them.
        m.submodules.table = table = Memory(shape=signed(18), depth=len(GUMBEL), init=GUMBEL)
        at, behind = table.read_port(), table.read_port()
        m.d.comb += [
            at.addr.eq(register("index_at", index)),
            behind.addr.eq(register("index_behind", (index + 1)[:len(index)])),
        ]
        entry = register("entry", at.data)
        following = register("following", behind.data)
        slope = register("slope", (following - entry)[:10].as_signed())
        m.submodules.product = product = Product(slope.shape(), rest.shape(), latency=1)
        m.d.comb += [product.a.eq(slope), product.b.eq(delay(m, rest, 5, name="rest_late"))]
        m.d.sync += [
            self.o.payload.eq(delay(m, entry, 2, name="entry_late") + (product.o >> 8)),
            self.o.valid.eq(delay(m, self.i.valid, self.latency - 1, name="valid")),
        ]

        return m
