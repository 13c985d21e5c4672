"""From what the memories deliver to the operands of an element."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .vector_command import ASource, BSource, Op, Target, VectorCommand

__all__ = ["OperandSelect"]


class OperandSelect(wiring.Component):
    """Chooses the operands of an element, and takes INTERPOLATE's difference.

    Every instruction becomes ``a * b`` shifted, plus ``third``: ADD and SUBTRACT have their
    second operand in ``third`` and 1 in ``b``; INTERPOLATE has h in ``third`` and b - h in ``b``;
    RESIDUAL has what it adds to in ``third``. Elsewhere ``third`` is 0.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from the clock before the first element on.
    i : :py:`In(stream)`
        What was read for an element: ``vector_a`` (at `a`, or for RESIDUAL at `dst`),
        ``vector_b`` and ``constant`` (at `b`), ``state`` (at `a`, or for INTERPOLATE at `dst`);
        ``streamed``, the element of the sums or loads; ``fresh``, where the state reads as 0 for
        INTERPOLATE. Always ready.
    selected : :py:`Out(stream)`
        ``a`` and ``b``, int32, one clock later: where a sigmoid starts from.
    o : :py:`Out(stream)`
        ``a``, int32; ``b``, 33 bits, to be saturated to int32; ``third``, int32.
    """

    #: Clocks from `i` to `o`.
    latency = 2

    command: In(VectorCommand)
    i: In(stream.Signature(data.StructLayout({
        "vector_a": signed(32), "vector_b": signed(32), "state": signed(32), "constant": 16,
        "streamed": signed(32), "fresh": 1}), always_ready=True))
    selected: Out(stream.Signature(data.StructLayout({"a": signed(32), "b": signed(32)}),
                                   always_ready=True))
    o: Out(stream.Signature(data.StructLayout({
        "a": signed(32), "b": signed(33), "third": signed(32)}), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        # A register, because a command lies still long before its first element comes here.
        adding, interpolating, residual = Signal(), Signal(), Signal()
        m.d.sync += [
            adding.eq((self.command.op == Op.ADD) | (self.command.op == Op.SUBTRACT)),
            interpolating.eq(self.command.op == Op.INTERPOLATE),
            residual.eq(self.command.target == Target.RESIDUAL),
        ]

        a, b, third = Signal(signed(32)), Signal(signed(32)), Signal(signed(32))
        with m.Switch(self.command.a_source):
            with m.Case(ASource.VECTOR):
                m.d.comb += a.eq(self.i.p.vector_a)
            with m.Case(ASource.STATE):
                m.d.comb += a.eq(self.i.p.state)
            with m.Default():
                m.d.comb += a.eq(self.i.p.streamed)
        with m.Switch(self.command.b_source):
            with m.Case(BSource.NONE):
                m.d.comb += b.eq(1)
            with m.Case(BSource.VECTOR):
                m.d.comb += b.eq(self.i.p.vector_b)
            with m.Case(BSource.CONSTANT):
                m.d.comb += b.eq(self.i.p.constant.as_signed())
            with m.Case(BSource.CONSTANT_UNSIGNED):
                m.d.comb += b.eq(self.i.p.constant)
        with m.If(interpolating & ~self.i.p.fresh):
            m.d.comb += third.eq(self.i.p.state)
        with m.Elif(residual):
            m.d.comb += third.eq(self.i.p.vector_a)

        selected_third = Signal(signed(32), reset_less=True)
        m.d.sync += self.selected.valid.eq(self.i.valid)
        with m.If(self.i.valid):
            m.d.sync += [self.selected.p.a.eq(a), self.selected.p.b.eq(b),
                         selected_third.eq(third)]
            with m.If(adding):
                m.d.sync += [self.selected.p.b.eq(1), selected_third.eq(b)]

        m.d.sync += self.o.valid.eq(self.selected.valid)
        with m.If(self.selected.valid):
            m.d.sync += [
                self.o.p.a.eq(self.selected.p.a),
                self.o.p.b.eq(Mux(interpolating, self.selected.p.b - selected_third,
                                  self.selected.p.b)),
                self.o.p.third.eq(selected_third),
            ]

        return m
