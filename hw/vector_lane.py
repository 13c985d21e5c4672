"""One lane of the vector engine: from what was read for an element to its result."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .delay import delay
from .multiplier import Multiplier
from .operand_select import OperandSelect, read_layout
from .round_shift import RoundShift
from .saturate import exceeds
from .saturating_add import SaturatingAdd
from .scalar_operands import FACTOR
from .sigmoid import Sigmoid
from .vector_command import Op, VectorCommand

__all__ = ["VectorLane"]


class VectorLane(wiring.Component):
    """Computes an element a clock.

    Nothing stalls, and all elements take the same way; those that need no sigmoid wait beside it::

        select, subtract | sigmoid | join | multiply | round | add
               2              9        1        4         6     3

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from two clocks before the first element until the last result.
    i : :py:`In(stream.Signature(read_layout, always_ready=True))`
        What was read for an element.
    factor : :py:`In(FACTOR)`
        The element's scalar, ``factor_latency`` clocks after the element.
    o : :py:`Out(stream.Signature(signed(32)))`
        The result. The sink is always ready.
    """

    #: Clocks from an element to its scalar.
    factor_latency = OperandSelect.latency + Sigmoid.latency
    #: Clocks from an element to its result.
    latency = (factor_latency + 1 + Multiplier.latency + RoundShift.latency
               + SaturatingAdd.latency)

    command: In(VectorCommand)
    i: In(stream.Signature(read_layout, always_ready=True))
    factor: In(FACTOR)
    o: Out(stream.Signature(signed(32), always_ready=True))

    def elaborate(self, platform):
        m = Module()

        m.submodules.operands = operands = OperandSelect()
        m.submodules.sigmoid = sigmoid = Sigmoid()
        m.submodules.multiplier = multiplier = Multiplier()
        m.submodules.round_shift = round_shift = RoundShift()
        m.submodules.add = add = SaturatingAdd()

        # A register, because a command lies still before its first element comes.
        op = self.command.op
        scaled, sigmoid_a, silu, negate = Signal(), Signal(), Signal(), Signal()
        interpolating, subtracting, coding = Signal(), Signal(), Signal()
        fixed_shift = Signal(6)
        m.d.sync += [
            scaled.eq((op == Op.SCALE) | (op == Op.QUANTIZE)),
            sigmoid_a.eq(op == Op.SIGMOID),
            silu.eq(op == Op.SILU),
            negate.eq(self.command.negate & (op == Op.SIGMOID)),
            interpolating.eq(op == Op.INTERPOLATE),
            subtracting.eq(op == Op.SUBTRACT),
            coding.eq(op == Op.QUANTIZE),
            fixed_shift.eq(Mux((op == Op.ADD) | (op == Op.SUBTRACT), 0, self.command.shift)),
        ]

        # Operands.
        m.d.comb += [
            operands.command.eq(self.command),
            operands.i.valid.eq(self.i.valid),
            operands.i.payload.eq(self.i.payload),
            sigmoid.i.valid.eq(operands.o.valid),
            sigmoid.i.p.a.eq(operands.o.p.a),
            sigmoid.i.p.fraction.eq(self.command.operand),
            sigmoid.i.p.negate.eq(negate),
        ]

        # One factor is a or its sigmoid; the other one b, the scalar, or the sigmoid. Each has a
        # register of its own, reset where it is not the one. First b is limited to int32.
        beside = Sigmoid.latency
        whole_a = delay(m, operands.o.p.a, beside, name="a")
        whole_b = delay(m, operands.o.p.b, beside, name="b")
        b_over = delay(m, exceeds(operands.o.p.b, 32), beside, name="b_over")
        limit = whole_b[32]

        def where(wanted, value, name):
            register = Signal(len(value), name=name, reset_less=True)
            with m.If(wanted):
                m.d.sync += register.eq(value)
            with m.Else():
                m.d.sync += register.eq(0)
            return register

        plain_b = ~scaled & ~silu
        factor_a = where(~sigmoid_a, whole_a, "factor_a")
        sigmoid_as_a = where(sigmoid_a, sigmoid.o.payload, "sigmoid_as_a")
        factor_b = Cat(where(plain_b & ~b_over, whole_b[:31], "factor_b"),
                       where(plain_b, Mux(b_over, limit, whole_b[31]), "factor_b_sign"))
        ones_b = where(plain_b & b_over, ~limit, "ones_b")
        mantissa = where(scaled, self.factor.mantissa, "mantissa")
        sigmoid_as_b = where(silu, sigmoid.o.payload, "sigmoid_as_b")
        shift, left = Signal(6, reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            multiplier.i.valid.eq(sigmoid.o.valid),
            shift.eq(Mux(scaled, self.factor.shift, fixed_shift)),
            left.eq(scaled & self.factor.left),
        ]

        # Product, sum, result.
        m.d.comb += [
            multiplier.i.p.a.eq(factor_a | sigmoid_as_a),
            multiplier.i.p.b.eq(factor_b | ones_b.replicate(31) | mantissa | sigmoid_as_b),
            round_shift.i.valid.eq(multiplier.o.valid),
            round_shift.i.p.product.eq(multiplier.o.payload),
            round_shift.i.p.shift.eq(delay(m, shift, Multiplier.latency, name="shift")),
            round_shift.i.p.left.eq(delay(m, left, Multiplier.latency, name="left")),
            round_shift.i.p.wide.eq(interpolating),
            add.subtract.eq(subtracting),
            add.code.eq(coding),
            add.i.valid.eq(round_shift.o.valid),
            add.i.p.a.eq(round_shift.o.payload),
            add.i.p.b.eq(delay(m, operands.o.p.third, beside + 1 + Multiplier.latency
                               + RoundShift.latency, name="third")),
            self.o.valid.eq(add.o.valid),
            self.o.payload.eq(add.o.payload),
        ]

        return m
