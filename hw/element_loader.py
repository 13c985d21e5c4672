"""Element loader: halves of words from memory to elements, shifted left and saturated."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .product import Product

__all__ = ["ElementLoader"]


class ElementLoader(wiring.Component):
    """Makes elements of int16, or of int32 where ``wide``; a half of 16 bits a clock.

    A half is multiplied by a power of two below 2^16, one DSP; the product, or the products of an
    int32's two halves put together, is then moved up by 0, 16 or 32 bits.

    Golden: :func:`trine.sim.golden.memory_mover.load`.

    Members
    -------
    wide : :py:`In(1)`
        Two halves an element, the lower one first.
    shift : :py:`In(6)`
        Elements are shifted left by this. Both are constant from 2 clocks before the first half
        until the last element was taken.
    i : :py:`In(stream.Signature(16))`
        Halves.
    o : :py:`Out(stream.Signature(signed(32)))`
        Elements, saturated to int32.
    idle : :py:`Out(1)`
        No element is under way.
    """

    #: Clocks from an element's last half to the element, when nothing stalls.
    latency = 6

    wide: In(1)
    shift: In(6)
    i: In(stream.Signature(16))
    o: Out(stream.Signature(signed(32)))
    idle: Out(1)

    def elaborate(self, platform):
        m = Module()

        advance = Signal()
        valids = Signal(self.latency - 1)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.idle.eq((valids == 0) & ~self.o.valid),
        ]

        # What is the same for all elements. The upper half of an int32, or an int16, stands 16 bits
        # above the lower half's product in 48 bits; `up` counts from the int16's place.
        up = Signal(4)  # one-hot: by nothing, 16, 32, or more
        steps = self.shift[4:] + self.wide
        m.d.sync += up.eq(Cat(steps == 0, steps == 1, steps == 2, steps >= 3))

        has_low = Signal()
        low = Signal(2)  # of half and product: the lower half of an int32
        m.submodules.scaled = scaled = Product(signed(17), 16)
        product = scaled.o[:32]
        low_product = Signal(32)
        top = Signal(32)
        negative = Signal(2)
        lost = Signal(2)
        moved = [Signal(32, name=f"moved_{number}") for number in range(3)]
        part = Signal(signed(32))
        last = ~self.wide | has_low
        m.d.comb += [
            scaled.en.eq(advance),
            scaled.a.eq(Cat(self.i.payload, self.i.payload[15] & last).as_signed()),
            scaled.b.eq(1 << self.shift[:4]),
        ]
        with m.If(advance):
            with m.If(self.i.valid):
                m.d.sync += has_low.eq(self.wide & ~has_low)
            m.d.sync += [
                valids.eq(Cat(self.i.valid & last, valids)),
                low.eq(Cat(self.i.valid & ~last, low)),
            ]
            with m.If(low[1]):
                m.d.sync += low_product.eq(product)
            # No bit of one product meets a bit of the other.
            m.d.sync += top.eq(product | low_product[16:])

            # Moved up, and what leaves int32: bits that differ from the sign, or any at all.
            bits, sign = Cat(low_product[:16], top), top[31]
            lost_high = (top[15:31] != sign.replicate(16))
            lost_middle = (bits[15:31] != sign.replicate(16))
            lost_low = sign | bits[:15].any()
            m.d.sync += [
                moved[0].eq(top),
                moved[1].eq(bits[:32]),
                moved[2].eq(bits[:16] << 16),
                negative.eq(Cat(sign, negative)),
                lost.eq(Cat((~up[0] & lost_high) | ((up[2] | up[3]) & lost_middle)
                            | (up[3] & lost_low), lost)),
                part.eq(moved[0] | moved[1] | moved[2]),
                self.o.valid.eq(valids[-1]),
                self.o.payload.eq(part),
            ]
            # In two steps, for a flip-flop is set or reset without a multiplexer before it.
            with m.If(lost[0] & negative[0]):
                m.d.sync += part.eq(-1 << 31)
            with m.If(lost[1] & ~negative[1]):
                m.d.sync += self.o.payload.eq((1 << 31) - 1)
        for number, choice in enumerate(moved):
            with m.If(~up[number]):
                m.d.sync += choice.eq(0)
        with m.If(~self.wide):
            m.d.sync += low_product.eq(0)

        return m
