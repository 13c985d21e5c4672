"""Last step of a vector instruction: the third operand, and the limits of the result."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .or_add import OrAdd
from .round_shift import limited_layout
from .saturate import exceeds

__all__ = ["SaturatingAdd"]


class SaturatingAdd(wiring.Component):
    """``a + b`` or ``a - b``, limited to int32 or to a code, one a clock.

    Members
    -------
    i : :py:`In(stream)`
        ``a``, 34 bits as a rounding shift limits them, and ``b``, int32. Always ready.
    subtract : :py:`In(1)`
        Take ``a - b``. Constant while elements are under way.
    code : :py:`In(1)`
        Limit the result to -127 ... 127. Constant while elements are under way.
    o : :py:`Out(stream)`
        The result, int32. The sink is always ready.
    """

    #: Clocks from operands to result.
    latency = 3

    i: In(stream.Signature(data.StructLayout({"a": limited_layout, "b": signed(32)}),
                           always_ready=True))
    subtract: In(1)
    code: In(1)
    o: Out(stream.Signature(signed(32), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal(self.latency - 1)
        m.d.sync += Cat(valid, self.o.valid).eq(Cat(self.i.valid, valid))

        m.submodules.add = add = OrAdd(width=35)
        total = Signal(signed(35), reset_less=True)
        m.d.comb += [
            add.a.eq(self.i.p.a.value),
            add.b.eq(self.i.p.a.ones.replicate(31)),
            add.c.eq(self.i.p.b),
            add.subtract.eq(self.subtract),
        ]
        m.d.sync += total.eq(add.o)

        # Codes are symmetric: there is no -128. A code within its limits is its own int32.
        value, negative = Signal(signed(32), reset_less=True), Signal(reset_less=True)
        limited = Signal(reset_less=True)
        m.d.sync += [
            value.eq(total),
            negative.eq(total[-1]),
            limited.eq(Mux(self.code, exceeds(total, 8) | (total[-1] & ~total[:7].any()),
                           exceeds(total, 32))),
        ]
        limit = Mux(self.code, Cat(1, (~negative).replicate(6), negative.replicate(25)),
                    Cat((~negative).replicate(31), negative))
        m.d.sync += self.o.payload.eq(Mux(limited, limit, value))

        return m
