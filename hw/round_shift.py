"""Rounding right shift of a product, with saturation."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .product import Product
from .saturate import exceeds

__all__ = ["RoundShift", "limited_layout"]

#: Bits of a result before it is limited to int32, and one more for what rounding may add.
_WIDE = 33
#: Bits that the coarse shift is a multiple of.
_COARSE = 16
#: Bits of the product that matter behind the coarse shift: a result, the bit that rounds it, and
#: what the fine shift may remove.
_WINDOW = _WIDE + 1 + _COARSE

#: The value is ``value``, with its lowest 31 bits set where ``ones`` is; then they are zero. An
#: adder behind it (``OrAdd``) takes them in, which saves a multiplexer.
limited_layout = data.StructLayout({"value": signed(_WIDE + 1), "ones": 1})


class RoundShift(wiring.Component):
    """``product / 2^shift``, rounded half up and saturated, one a clock.

    Bit exact with :mod:`trine.sim.golden.round_shift`. The coarse shift, by multiples of 16, holds
    one copy of the product for each multiple in registers that are reset where it is not wanted,
    and takes them together: one LUT4 a bit. The fine shift is a multiplication by a power of two:
    three MULT18X18D of an ECP5.

    Members
    -------
    i : :py:`In(stream)`
        ``product``, 64 bits; ``shift``, 0 ... 63; ``left``: instead of a right shift, the result
        is the limit on the side of the product, or 0; ``wide``: the limits are not those of int32
        but -2^32 and 2^32, far enough out that an int32 may be added, and the sum then be limited
        to int32, as if nothing had been limited before. Always ready.
    o : :py:`Out(stream.Signature(limited_layout))`
        The result. The sink is always ready.
    """

    #: Clocks from product to result.
    latency = 6

    i: In(stream.Signature(data.StructLayout({"product": signed(64), "shift": 6, "left": 1,
                                              "wide": 1}), always_ready=True))
    o: Out(stream.Signature(limited_layout, always_ready=True))

    def elaborate(self, platform):
        m = Module()

        # Flags that go along: element n of each is that of stage n.
        valid = Signal(self.latency - 1)
        left = Signal(4, reset_less=True)
        wide = Signal(5, reset_less=True)
        negative = Signal(5, reset_less=True)
        m.d.sync += [
            Cat(valid, self.o.valid).eq(Cat(self.i.valid, valid)),
            left.eq(Cat(self.i.p.left, left)),
            wide.eq(Cat(self.i.p.wide, wide)),
            negative.eq(Cat(self.i.p.product[-1], negative)),
        ]

        # One bit below the binary point is kept for rounding. To the limit is by nothing.
        product = Signal(signed(65))
        shift = Signal(6)
        fine_shift = Signal(4, reset_less=True)
        m.d.comb += [
            product.eq(Cat(0, self.i.p.product)),
            shift.eq(Mux(self.i.p.left, 0, self.i.p.shift)),
        ]
        copies = []
        for n in range(4):
            copy = Signal(_WINDOW, name=f"copy_{n}", reset_less=True)
            # The sign alone fills what lies above the product; one register of it will do.
            own = min(_WINDOW, len(product) - _COARSE * n)
            part = Signal(own, name=f"part_{n}", reset_less=True)
            copies.append(copy)
            m.d.comb += copy.eq(part.as_signed())
            with m.If(shift[4:] == n):
                m.d.sync += part.eq(product[_COARSE * n:])
            with m.Else():
                m.d.sync += part.eq(0)
        beyond = Signal(3, reset_less=True)
        m.d.sync += [
            fine_shift.eq(shift),
            beyond.eq(Cat((shift[4:] == 0) & exceeds(product, _WINDOW), beyond)),
        ]

        window = Signal(_WINDOW)
        power = Signal(_COARSE)
        m.d.comb += [
            window.eq(copies[0] | copies[1] | copies[2] | copies[3]),
            power.eq(Cat(fine_shift == n for n in reversed(range(_COARSE)))),
        ]

        # No two products of a part of the window with the power of two have a bit in common.
        products = []
        for name, part in (("low", window[:16]), ("middle", window[16:32]),
                           ("high", window[32:].as_signed())):
            m.submodules[name] = product = Product(part.shape(), power.shape())
            m.d.comb += [product.a.eq(part), product.b.eq(power)]
            products.append(product.o)
        low, middle, high = products[0][:31], products[1][:31], products[2][:33].as_signed()

        # The bit below the point is added to itself, which carries it into the result.
        point = _COARSE - 1
        rounded = Signal(signed(_WIDE + 1), reset_less=True)
        outside = Signal(reset_less=True)
        total = Cat(low[point:], 0, high[:_WIDE - 16]).as_signed() + Cat(low[point], middle)
        m.d.sync += [
            rounded.eq(total >> 1),
            outside.eq(beyond[2] | exceeds(high, _WIDE + 1 - 17)),
        ]

        # The decision is registered, and limits by resetting what it passes by.
        limited, value = Signal(reset_less=True), Signal.like(rounded)
        over = outside | Mux(left[3], rounded.any(), ~wide[3] & exceeds(rounded, 32))
        m.d.sync += [limited.eq(over), value.eq(rounded)]
        m.d.sync += self.o.p.ones.eq(limited & ~negative[4])
        with m.If(limited):
            sign = negative[4]
            m.d.sync += self.o.p.value.eq(Cat(C(0, 31), sign ^ wide[4], sign, sign))
        with m.Else():
            m.d.sync += self.o.p.value.eq(value)

        return m
