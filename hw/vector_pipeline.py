"""The vector engine's pipeline: memories, arithmetic and write-back, one element a clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .bypass import Bypass
from .element_issue import element_layout
from .multiplier import Multiplier
from .operand_select import OperandSelect
from .round_shift import RoundShift
from .saturate import saturate
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

    Nothing stalls. A sigmoid adds its latency for the elements that need it::

        memory, register | select, subtract | (sigmoid) | multiply | round | add
               2                  2              (7)          4         6     3

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories. The vector memory takes ``2 * slots * vector_words`` elements
        of 32 bits of block RAM, the state memory ``slots * state_words``; the constant memory
        ``constant_words`` of 16 bits.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from the clock before the first element until the last result.
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
    latency = (SlotMemory.latency + OperandSelect.latency + Multiplier.latency
               + RoundShift.latency + SaturatingAdd.latency)
    #: More clocks where the element's sigmoid is taken, which starts a clock early.
    sigmoid_latency = Sigmoid.latency - 1

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
        # What is needed again further down: beside the sigmoid, the product, the sum, everything.
        m.submodules.other = other = Bypass(shape=signed(32), depth=16)
        m.submodules.shift = shift = Bypass(
            shape=data.StructLayout({"shift": 6, "left": 1}), depth=16)
        m.submodules.third = third = Bypass(shape=signed(32), depth=16)
        m.submodules.tag = tag = Bypass(shape=data.StructLayout(
            {"slot": range(config.slots), "dst": 18, "last": 1}), depth=32)

        # A register, because a command lies still before its first element comes.
        op, target = self.command.op, self.command.target
        filling, to_vector, to_state = Signal(), Signal(), Signal()
        scaled, sigmoidal, silu, negate = Signal(), Signal(), Signal(), Signal()
        interpolating, subtracting, coding = Signal(), Signal(), Signal()
        fixed_shift = Signal(6)
        m.d.sync += [
            filling.eq(target == Target.CONSTANT),
            to_vector.eq((target == Target.VECTOR) | (target == Target.RESIDUAL)),
            to_state.eq(target == Target.STATE),
            scaled.eq((op == Op.SCALE) | (op == Op.QUANTIZE)),
            sigmoidal.eq((op == Op.SIGMOID) | (op == Op.SILU)),
            silu.eq(op == Op.SILU),
            negate.eq(self.command.negate & (op == Op.SIGMOID)),
            interpolating.eq(op == Op.INTERPOLATE),
            subtracting.eq(op == Op.SUBTRACT),
            coding.eq(op == Op.QUANTIZE),
            fixed_shift.eq(Mux((op == Op.ADD) | (op == Op.SUBTRACT), 0, self.command.shift)),
        ]

        # Read.
        element, entering = self.element.p, Signal()
        m.d.comb += [
            entering.eq(self.element.valid & ~filling),
            constant.write.addr.eq(element.dst),
            constant.write.data.eq(element.streamed),
            constant.write.en.eq(self.element.valid & filling),
            self.filled.eq(constant.write.en & element.last),
            tag.i.valid.eq(entering),
            tag.i.p.slot.eq(element.slot),
            tag.i.p.dst.eq(element.dst),
            tag.i.p.last.eq(element.last),
        ]
        for memory, n, addr in [(vector, 0, element.a), (vector, 1, element.b),
                                (state, 0, element.state), (constant, 0, element.b)]:
            m.d.comb += [
                memory.read[n].slot.eq(element.slot if memory.slots > 1 else 0),
                memory.read[n].addr.eq(addr),
                memory.read[n].en.eq(entering),
            ]

        # What comes with the element waits for what is read.
        beside = data.StructLayout({"slot": range(config.slots), "streamed": signed(32)})
        valid = Signal(SlotMemory.latency)
        besides = [Signal(beside, name=f"beside_{n}", reset_less=True) for n in range(len(valid))]
        m.d.sync += valid.eq(Cat(entering, valid))
        for en, before, after in zip([entering, *valid], [element, *besides], besides):
            with m.If(en):
                m.d.sync += [after.slot.eq(before.slot), after.streamed.eq(before.streamed)]

        # Operands.
        m.d.comb += [
            operands.command.eq(self.command),
            operands.i.valid.eq(valid[-1]),
            operands.i.p.vector_a.eq(vector.read[0].data),
            operands.i.p.vector_b.eq(vector.read[1].data),
            operands.i.p.state.eq(state.read[0].data),
            operands.i.p.constant.eq(constant.read[0].data),
            operands.i.p.streamed.eq(besides[-1].streamed),
            operands.i.p.fresh.eq(self.fresh.bit_select(besides[-1].slot, 1)),
            sigmoid.i.valid.eq(operands.selected.valid & sigmoidal),
            sigmoid.i.p.a.eq(operands.selected.p.a),
            sigmoid.i.p.fraction.eq(self.command.operand),
            sigmoid.i.p.negate.eq(negate),
            other.i.valid.eq(sigmoid.i.valid),
            other.i.payload.eq(Mux(silu, operands.selected.p.a, operands.selected.p.b)),
            other.o.ready.eq(sigmoid.o.valid),
        ]
        with m.If(valid[-1]):
            m.d.sync += self.slot.eq(besides[-1].slot)

        # Product, sum, result. Beside a sigmoid, `third` lies still and is zero.
        m.d.comb += [
            multiplier.i.valid.eq(Mux(sigmoidal, sigmoid.o.valid, operands.o.valid)),
            multiplier.i.p.a.eq(Mux(sigmoidal, other.o.payload, operands.o.p.a)),
            multiplier.i.p.b.eq(Mux(sigmoidal, sigmoid.o.payload, Mux(
                scaled, self.factor.mantissa, saturate(operands.o.p.b, 32)))),
            shift.i.valid.eq(multiplier.i.valid),
            shift.i.p.shift.eq(Mux(scaled, self.factor.shift, fixed_shift)),
            shift.i.p.left.eq(scaled & self.factor.left),
            shift.o.ready.eq(multiplier.o.valid),
            third.i.valid.eq(multiplier.i.valid),
            third.i.payload.eq(operands.o.p.third),
            third.o.ready.eq(round_shift.o.valid),
            round_shift.i.valid.eq(multiplier.o.valid),
            round_shift.i.p.product.eq(multiplier.o.payload),
            round_shift.i.p.shift.eq(shift.o.p.shift),
            round_shift.i.p.left.eq(shift.o.p.left),
            round_shift.i.p.wide.eq(interpolating),
            add.subtract.eq(subtracting),
            add.code.eq(coding),
            add.i.valid.eq(round_shift.o.valid),
            add.i.p.a.eq(round_shift.o.payload),
            add.i.p.b.eq(third.o.payload),
            tag.o.ready.eq(add.o.valid),
            self.result.valid.eq(add.o.valid),
            self.result.p.slot.eq(tag.o.p.slot),
            self.result.p.dst.eq(tag.o.p.dst),
            self.result.p.value.eq(add.o.payload),
            self.result.p.last.eq(tag.o.p.last),
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
