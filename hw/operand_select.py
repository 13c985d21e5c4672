"""From what the memories deliver to the operands of an element."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .or_add import OrAdd
from .vector_command import ASource, BSource, Op, Target, VectorCommand

__all__ = ["OperandSelect", "read_layout"]

#: What was read for an element: ``vector_a`` (at `a`, or for RESIDUAL at `dst`), ``vector_b`` and
#: ``constant`` (at `b`), ``state`` (at `a`, or for INTERPOLATE at `dst`); ``sum`` and ``load``, the
#: elements of these streams; ``fresh``, where the state reads as 0 for INTERPOLATE.
read_layout = data.StructLayout({
    "vector_a": signed(32), "vector_b": signed(32), "state": signed(32), "constant": 16,
    "sum": signed(32), "load": signed(32), "fresh": 1})


class OperandSelect(wiring.Component):
    """Chooses the operands of an element, and takes INTERPOLATE's difference.

    Every instruction becomes ``a * b`` shifted, plus ``third``: ADD and SUBTRACT have their
    second operand in ``third`` and 1 in ``b``; INTERPOLATE has h in ``third`` and b - h in ``b``;
    RESIDUAL has what it adds to in ``third``. Elsewhere ``third`` is 0.

    Each operand has its own registers behind each source it may come from. They are reset where
    it comes from elsewhere, so that all of them together, one LUT4 a bit, are the operand.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from two clocks before the first element on.
    i : :py:`In(stream.Signature(read_layout, always_ready=True))`
        What was read for an element.
    o : :py:`Out(stream)`
        ``a``, int32; ``b``, 33 bits, to be saturated to int32; ``third``, int32.
    """

    #: Clocks from `i` to `o`.
    latency = 2

    command: In(VectorCommand)
    i: In(stream.Signature(read_layout, always_ready=True))
    o: Out(stream.Signature(data.StructLayout({
        "a": signed(32), "b": signed(33), "third": signed(32)}), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        valid = Signal()
        m.d.sync += [valid.eq(self.i.valid), self.o.valid.eq(valid)]

        # A register, because a command lies still long before its first element comes here.
        op, target = self.command.op, self.command.target
        a_source, b_source = self.command.a_source, self.command.b_source
        adding, interpolating, residual = Signal(), Signal(), Signal()
        m.d.sync += [
            adding.eq((op == Op.ADD) | (op == Op.SUBTRACT)),
            interpolating.eq(op == Op.INTERPOLATE),
            residual.eq(target == Target.RESIDUAL),
        ]
        a_from = {source: Signal(name=f"a_{source.name.lower()}") for source in ASource}
        b_from = {source: Signal(name=f"b_{source.name.lower()}") for source in BSource}
        m.d.sync += [
            *(flag.eq(a_source == source) for source, flag in a_from.items()),
            *(flag.eq(b_source == source) for source, flag in b_from.items()),
        ]

        def copy(name, wanted, value):
            register = Signal(value.shape(), name=name, reset_less=True)
            with m.If(wanted):
                m.d.sync += register.eq(value)
            with m.Else():
                m.d.sync += register.eq(0)
            return register

        def operand(name, adding):
            """Return copies of operand b, where it is one of the instruction's ``adding`` kind."""
            own = Signal(name=f"{name}_own")
            m.d.comb += own.eq(adding)
            vector = copy(f"{name}_vector", own & b_from[BSource.VECTOR], self.i.p.vector_b)
            signed_ = b_from[BSource.CONSTANT]
            constant = copy(f"{name}_constant",
                            own & (signed_ | b_from[BSource.CONSTANT_UNSIGNED]), self.i.p.constant)
            sign = copy(f"{name}_sign", own & signed_, self.i.p.constant[-1])
            return vector, Cat(constant, sign).as_signed()

        def one(name, wanted):
            register = Signal(name=name, reset_less=True)
            m.d.sync += register.eq(wanted)
            return register

        i, none = self.i.p, b_from[BSource.NONE]
        a = [copy("a_vector", a_from[ASource.VECTOR], i.vector_a),
             copy("a_state", a_from[ASource.STATE], i.state),
             copy("a_sum", a_from[ASource.SUMS], i.sum),
             copy("a_load", a_from[ASource.LOADS], i.load)]
        vector, constant = operand("b", ~adding)
        state = copy("b_state", interpolating & ~i.fresh, i.state)
        third_vector, third_constant = operand("third", adding)
        third = [third_vector, third_constant,
                 copy("third_residual", residual, i.vector_a),
                 copy("third_state", interpolating & ~i.fresh, i.state)]
        b_one, third_one = one("b_one", adding | none), one("third_one", adding & none)

        m.submodules.difference = difference = OrAdd(width=33)
        m.d.comb += [
            difference.a.eq(vector),
            difference.b.eq(constant | b_one),
            difference.c.eq(state),
            difference.subtract.eq(1),
        ]
        m.d.sync += [
            self.o.p.a.eq(a[0] | a[1] | a[2] | a[3]),
            self.o.p.b.eq(difference.o),
            self.o.p.third.eq(third[0] | third[1] | third[2] | third[3] | third_one),
        ]

        return m
