"""The vector engine's pipeline: memories, arithmetic and write-back, one element a clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .delay import delay
from .element_issue import element_layout
from .multiplier import Multiplier
from .operand_select import OperandSelect
from .round_shift import RoundShift
from .saturate import exceeds
from .saturating_add import SaturatingAdd
from .scalar_operands import FACTOR
from .sigmoid import Sigmoid
from .slot_memory import SlotMemory
from .vector_command import Op, Target, VectorCommand

__all__ = ["VectorPipeline", "result_layout"]


def result_layout(config):
    """Return the payload of a result: its value, and what came with the element."""
    return data.StructLayout({"slot": range(config.slots), "dst": unsigned(18),
                              "value": signed(32), "last": 1})


class VectorPipeline(wiring.Component):
    """Makes results of elements, and keeps those that stay: it holds the engine's memories.

    Nothing stalls, and all elements take the same way; those that need no sigmoid wait beside it::

        memory, register | select, subtract | sigmoid | join | multiply | round | add
               2                  2             9        1        4         6     3

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories. The vector memory takes ``2 * slots * vector_words`` elements
        of 32 bits of block RAM, the state memory ``slots * state_words``; the constant memory
        ``constant_words`` of 16 bits.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from two clocks before the first element until the last result.
    fresh : :py:`In(config.slots)`
        Slots whose state INTERPOLATE reads as zero.
    element : :py:`In(stream)`
        Elements; for FILL they are written at once and have no result. Always ready.
    slot, factor : :py:`Out(range(config.slots))`, :py:`In(FACTOR)`
        Slot of an element that is under way, and its scalar in the next clock.
    result : :py:`Out(stream)`
        Results, in the clock in which they are written. The sink is always ready.
    filled : :py:`Out(1)`
        Strobe: the last constant of FILL is written.
    """

    #: Clocks from an element to its result.
    latency = (SlotMemory.latency + 1 + OperandSelect.latency + Sigmoid.latency + 1
               + Multiplier.latency + RoundShift.latency + SaturatingAdd.latency)

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(VectorCommand),
            "fresh": In(config.slots),
            "element": In(stream.Signature(element_layout(config), always_ready=True)),
            "slot": Out(range(config.slots)),
            "factor": In(FACTOR),
            "result": Out(stream.Signature(result_layout(config), always_ready=True)),
            "filled": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        m.submodules.vector = vector = SlotMemory(
            shape=signed(32), words=config.vector_words, slots=config.slots, reads=2)
        m.submodules.state = state = SlotMemory(
            shape=signed(32), words=config.state_words, slots=config.slots)
        m.submodules.constant = constant = SlotMemory(
            shape=unsigned(16), words=config.constant_words)
        m.submodules.operands = operands = OperandSelect()
        m.submodules.sigmoid = sigmoid = Sigmoid()
        m.submodules.multiplier = multiplier = Multiplier()
        m.submodules.round_shift = round_shift = RoundShift()
        m.submodules.add = add = SaturatingAdd()

        # A register, because a command lies still before its first element comes.
        op, target = self.command.op, self.command.target
        filling, to_vector, to_state = Signal(), Signal(), Signal()
        scaled, sigmoid_a, silu, negate = Signal(), Signal(), Signal(), Signal()
        interpolating, subtracting, coding = Signal(), Signal(), Signal()
        fixed_shift = Signal(6)
        m.d.sync += [
            filling.eq(target == Target.CONSTANT),
            to_vector.eq((target == Target.VECTOR) | (target == Target.RESIDUAL)),
            to_state.eq(target == Target.STATE),
            scaled.eq((op == Op.SCALE) | (op == Op.QUANTIZE)),
            sigmoid_a.eq(op == Op.SIGMOID),
            silu.eq(op == Op.SILU),
            negate.eq(self.command.negate & (op == Op.SIGMOID)),
            interpolating.eq(op == Op.INTERPOLATE),
            subtracting.eq(op == Op.SUBTRACT),
            coding.eq(op == Op.QUANTIZE),
            fixed_shift.eq(Mux((op == Op.ADD) | (op == Op.SUBTRACT), 0, self.command.shift)),
        ]

        # Read. What came with the element goes along; it belongs to the result in the end.
        element, entering = self.element.p, Signal()
        m.d.comb += [
            entering.eq(self.element.valid & ~filling),
            constant.write.addr.eq(element.dst),
            constant.write.data.eq(element.fill),
            constant.write.en.eq(self.element.valid & filling),
            self.filled.eq(constant.write.en & element.last),
        ]
        for memory, n, addr in [(vector, 0, element.a), (vector, 1, element.b),
                                (state, 0, element.state), (constant, 0, element.b)]:
            m.d.comb += [
                memory.read[n].slot.eq(element.slot if memory.slots > 1 else 0),
                memory.read[n].addr.eq(addr),
                memory.read[n].en.eq(1),
            ]
        read = SlotMemory.latency + 1
        valid = Signal(read)
        m.d.sync += valid.eq(Cat(entering, valid))

        # Operands.
        m.d.comb += [
            operands.command.eq(self.command),
            operands.i.valid.eq(valid[-1]),
            operands.i.p.vector_a.eq(delay(m, vector.read[0].data, 1, name="read_vector_a")),
            operands.i.p.vector_b.eq(delay(m, vector.read[1].data, 1, name="read_vector_b")),
            operands.i.p.state.eq(delay(m, state.read[0].data, 1, name="read_state")),
            operands.i.p.constant.eq(delay(m, constant.read[0].data, 1, name="read_constant")),
            operands.i.p.sum.eq(delay(m, element.sum, read, name="sum")),
            operands.i.p.load.eq(delay(m, element.load, read, name="load")),
            operands.i.p.fresh.eq(delay(m, self.fresh.bit_select(element.slot, 1), read,
                                        name="fresh")),
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
        m.d.comb += self.slot.eq(delay(m, element.slot, read + operands.latency + beside - 1,
                                       name="slot"))

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
            self.result.valid.eq(add.o.valid),
            self.result.p.value.eq(add.o.payload),
            *(self.result.p[name].eq(delay(m, element[name], self.latency, name=f"result_{name}"))
              for name in ("slot", "dst", "last")),
        ]

        # Write.
        for port, en in [(vector.write, to_vector), (state.write, to_state)]:
            m.d.comb += [
                port.slot.eq(self.result.p.slot),
                port.addr.eq(self.result.p.dst),
                port.data.eq(self.result.p.value),
                port.en.eq(self.result.valid & en),
            ]

        return m
