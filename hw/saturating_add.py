"""Last step of a vector instruction: the third operand, and the limits of the result."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .saturate import exceeds, saturate

__all__ = ["SaturatingAdd"]


class SaturatingAdd(wiring.Component):
    """``a + b`` or ``a - b``, limited to int32 or to a code, one a clock.

    Members
    -------
    i : :py:`In(stream)`
        ``a``, 34 bits, and ``b``, int32. Always ready.
    subtract : :py:`In(1)`
        Take ``a - b``. Constant while elements are under way.
    code : :py:`In(1)`
        Limit the result to -127 ... 127. Constant while elements are under way.
    o : :py:`Out(stream)`
        The result, int32. The sink is always ready.
    """

    #: Clocks from operands to result.
    latency = 2

    i: In(stream.Signature(data.StructLayout({"a": signed(34), "b": signed(32)}),
                           always_ready=True))
    subtract: In(1)
    code: In(1)
    o: Out(stream.Signature(signed(32), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal()
        total = Signal(signed(35), reset_less=True)
        m.d.sync += [valid.eq(self.i.valid), self.o.valid.eq(valid)]
        with m.If(self.i.valid):
            m.d.sync += total.eq(Mux(self.subtract, self.i.p.a - self.i.p.b,
                                     self.i.p.a + self.i.p.b))

        with m.If(valid):
            m.d.sync += self.o.payload.eq(saturate(total, 32))
            with m.If(self.code):
                code = Signal(signed(8))
                m.d.comb += code.eq(saturate(total, 8))
                m.d.sync += self.o.payload.eq(code)
                # Codes are symmetric: there is no -128.
                with m.If(total[-1] & (exceeds(total, 8) | ~total[:7].any())):
                    m.d.sync += self.o.payload.eq(-127)

        return m
