"""Rounding right shift of a product, with saturation."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .saturate import exceeds, saturate

__all__ = ["RoundShift"]

#: Bits of a result before it is limited to int32, and one more for what rounding may add.
_WIDE = 33


class RoundShift(wiring.Component):
    """``product / 2^shift``, rounded half up and saturated, one a clock.

    Bit exact with :mod:`trine.sim.golden.round_shift`.

    Members
    -------
    i : :py:`In(stream)`
        ``product``, 64 bits; ``shift``, 0 ... 63; ``left``: instead of a right shift, the result
        is the limit on the side of the product, or 0; ``wide``: the limits are not those of int32
        but -2^32 and 2^32, far enough out that an int32 may be added, and the sum then be limited
        to int32, as if nothing had been limited before. Always ready.
    o : :py:`Out(stream)`
        The result. The sink is always ready.
    """

    #: Clocks from product to result.
    latency = 4

    i: In(stream.Signature(data.StructLayout({"product": signed(64), "shift": 6, "left": 1,
                                              "wide": 1}), always_ready=True))
    o: Out(stream.Signature(signed(_WIDE + 1), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal(self.latency - 1)
        m.d.sync += Cat(valid, self.o.valid).eq(Cat(self.i.valid, valid))

        wide = Signal(3, reset_less=True)
        m.d.sync += wide.eq(Cat(self.i.p.wide, wide))

        # One bit below the binary point is kept for rounding. Shift right by eights, ...
        product = Signal(signed(65))
        m.d.comb += product.eq(Cat(0, self.i.p.product))
        coarse = Signal(signed(_WIDE + 1 + 7), reset_less=True)
        coarse_shift = Signal(3, reset_less=True)
        coarse_beyond = Signal(reset_less=True)
        coarse_negative = Signal(reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [coarse_shift.eq(self.i.p.shift), coarse_negative.eq(product[-1])]
            with m.Switch(self.i.p.shift[3:]):
                for eights in range(8):
                    with m.Case(eights):
                        m.d.sync += coarse.eq(product >> 8 * eights)
                        m.d.sync += coarse_beyond.eq(
                            exceeds(product[8 * eights:], len(coarse))
                            if 8 * eights + len(coarse) < len(product) else 0)
            with m.If(self.i.p.left):
                m.d.sync += coarse_beyond.eq(self.i.p.product.any())

        # ... and by ones.
        fine = Signal(signed(_WIDE + 1), reset_less=True)
        beyond = Signal(reset_less=True)
        negative = Signal(reset_less=True)
        with m.If(valid[0]):
            m.d.sync += negative.eq(coarse_negative)
            with m.Switch(coarse_shift):
                for ones in range(8):
                    with m.Case(ones):
                        m.d.sync += fine.eq(coarse >> ones)
                        m.d.sync += beyond.eq(coarse_beyond | exceeds(coarse[ones:], len(fine)))

        rounded = Signal(signed(_WIDE + 1), reset_less=True)
        limit = Cat((~negative).replicate(_WIDE - 1), negative).as_signed()
        with m.If(valid[1]):
            m.d.sync += rounded.eq(Mux(beyond, limit, fine >> 1) + fine[0])

        with m.If(valid[2]):
            m.d.sync += self.o.payload.eq(Mux(wide[2], rounded, saturate(rounded, 32)))

        return m
