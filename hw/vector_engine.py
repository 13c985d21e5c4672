"""The vector engine: int32 vectors in, int32 vectors, codes or logits out, one element a clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.isa import N_SCALARS

from .bypass import Bypass
from .element_issue import ElementIssue
from .multiplier import Multiplier
from .operand_select import OperandSelect
from .round_shift import RoundShift
from .saturate import saturate
from .saturating_add import SaturatingAdd
from .scalar_operands import ScalarOperands
from .sigmoid import Sigmoid
from .slot_memory import SlotMemory
from .statistics import Statistics
from .vector_command import (
    Op,
    Statistic,
    Target,
    VectorCommand,
    code_write_layout,
    logit_layout,
    statistic_layout,
    sum_layout,
)

__all__ = ["VectorEngine"]

#: Elements that may be between issue and the output streams; more than the pipeline holds.
_OUTPUTS = 32


class VectorEngine(wiring.Component):
    """Carries out one vector command at a time, one element a clock.

    Bit exact with :mod:`trine.sim.golden.vector_engine`. Elements come slot by slot, each
    slot's from the first to the last; those of sums in the order of the stream; those of FILL
    once. An element reads its own index only, so vectors may be changed in place; vectors that
    overlap otherwise are not allowed. Inactive slots are not touched.

    A sigmoid adds its latency to the pipeline of the elements that need it::

        issue | memory, register | select, subtract | (sigmoid) | multiply | round | add | write
          1           2                  2              (7)          4         4      2

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories. The vector memory takes ``2 * slots * vector_words`` elements
        of 32 bits of block RAM, the state memory ``slots * state_words``; the constant memory
        ``constant_words`` of 16 bits.

    Members
    -------
    command : :py:`In(stream.Signature(VectorCommand))`
        Ready while idle.
    busy : :py:`Out(1)`
        High until the command's results are written or taken and its statistic is taken.
    active : :py:`In(config.slots)`
        Slots that take part. Constant while busy.
    fresh : :py:`In(config.slots)`
        Slots whose state INTERPOLATE reads as zero. Constant while busy.
    sums, loads, fill : :py:`In(stream)`
        Operand a of SUMS and LOADS, and what FILL writes. Loads are as many for each active slot
        as the command is long.
    stores, logits : :py:`Out(stream)`
        Results of these targets.
    codes : :py:`Out(stream, always_ready=True)`
        Writes to code memory.
    scalar_slot, scalar_reg : :py:`Out(range(config.slots))`, :py:`Out(6)`
        Scalar register that is read.
    scalar_m, scalar_e, scalar_pending : :py:`In(31)`, :py:`In(signed(10))`, :py:`In(1)`
        Its value two clocks later, and whether an instruction that writes it is under way.
    statistic : :py:`Out(stream)`
        One for each active slot, after the last element, where ``stat`` is not 0.
    element : :py:`Out(1)`
        Strobe: an element leaves the pipeline (FILL has none).
    saturated : :py:`Out(1)`
        Strobe: its result stands at an end of int32. Codes and stores don't count.
    """

    #: Clocks from an issued element to its result.
    latency = (ElementIssue.latency + SlotMemory.latency + OperandSelect.latency
               + Multiplier.latency + RoundShift.latency + SaturatingAdd.latency)
    #: More clocks where the element's sigmoid is taken.
    sigmoid_latency = Sigmoid.latency - 1
    #: Clocks from the last result to the first statistic.
    statistic_latency = Statistics.latency

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(stream.Signature(VectorCommand)),
            "busy": Out(1),
            "active": In(config.slots),
            "fresh": In(config.slots),
            "sums": In(stream.Signature(sum_layout(config))),
            "loads": In(stream.Signature(signed(32))),
            "fill": In(stream.Signature(unsigned(16))),
            "stores": Out(stream.Signature(signed(32))),
            "logits": Out(stream.Signature(logit_layout(config))),
            "codes": Out(stream.Signature(code_write_layout(config), always_ready=True)),
            "scalar_slot": Out(range(config.slots)),
            "scalar_reg": Out(range(N_SCALARS)),
            "scalar_m": In(31),
            "scalar_e": In(signed(10)),
            "scalar_pending": In(1),
            "statistic": Out(stream.Signature(statistic_layout(config))),
            "element": Out(1),
            "saturated": Out(1),
        })

    @classmethod
    def cycles(cls, op, target, elements, *, slots=1, stat=False):
        """Return the clocks from a command taken until the next one may be.

        Exact where no stream stalls and no scalar is pending; with vectors of several slots that
        are shorter than ``ScalarOperands.latency``, and with sums, scalars may take longer.

        Parameters
        ----------
        op, target : :class:`Op`, :class:`Target`
            Those of the command.
        elements : :class:`int`
            Elements of all active slots together.
        slots : :class:`int`
            Active slots.
        stat : :class:`bool`
            Whether there is a statistic.
        """
        if target == Target.CONSTANT:
            return elements + ElementIssue.latency + 1
        cycles = elements + cls.latency + 1
        if op in (Op.SCALE, Op.QUANTIZE):
            cycles += ScalarOperands.latency
        if op in (Op.SIGMOID, Op.SILU):
            cycles += cls.sigmoid_latency
        if stat:
            return cycles + cls.statistic_latency + slots - 1
        return cycles + 2 * (target in (Target.LOGITS, Target.STORES))

    def elaborate(self, platform):
        m = Module()

        config = self.config
        m.submodules.issue = issue = ElementIssue(config=config)
        m.submodules.scalars = scalars = ScalarOperands(slots=config.slots)
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
        m.submodules.statistics = statistics = Statistics(slots=config.slots)
        # What is needed again further down: beside the sigmoid, the product, the sum, everything.
        m.submodules.factor = factor = Bypass(shape=signed(32), depth=16)
        m.submodules.shift = shift = Bypass(
            shape=data.StructLayout({"shift": 6, "left": 1}), depth=16)
        m.submodules.third = third = Bypass(shape=signed(32), depth=16)
        tag_layout = data.StructLayout({"slot": range(config.slots), "dst": 18, "last": 1})
        m.submodules.tag = tag = Bypass(shape=tag_layout, depth=32)
        m.submodules.outputs = outputs = Bypass(shape=logit_layout(config), depth=_OUTPUTS)

        # The command lies still while elements are under way; what it means is registered.
        offered, command = self.command.p, Signal(VectorCommand)
        start, scaled = Signal(), Signal()
        offered_fills, offered_scaled = Signal(), Signal()
        m.d.comb += [
            self.command.ready.eq(~self.busy),
            offered_fills.eq(offered.target == Target.CONSTANT),
            offered_scaled.eq((offered.op == Op.SCALE) | (offered.op == Op.QUANTIZE)),
            start.eq(self.command.valid & ~self.busy & (offered_fills | self.active.any())),
        ]
        with m.If(start):
            m.d.sync += [command.eq(offered), scaled.eq(offered_scaled)]
        filling, logits, buffered, counting = Signal(), Signal(), Signal(), Signal()
        to_vector, to_state, to_code = Signal(), Signal(), Signal()
        sigmoidal, silu, negate = Signal(), Signal(), Signal()
        interpolating, subtracting, coding = Signal(), Signal(), Signal()
        gathering = Signal()
        fixed_shift = Signal(6)
        target, op = command.target, command.op
        m.d.sync += [
            filling.eq(target == Target.CONSTANT),
            logits.eq(target == Target.LOGITS),
            buffered.eq((target == Target.LOGITS) | (target == Target.STORES)),
            counting.eq((target != Target.STORES) & (op != Op.QUANTIZE)),
            to_vector.eq((target == Target.VECTOR) | (target == Target.RESIDUAL)),
            to_state.eq(target == Target.STATE),
            to_code.eq(target == Target.CODE),
            sigmoidal.eq((op == Op.SIGMOID) | (op == Op.SILU)),
            silu.eq(op == Op.SILU),
            negate.eq(command.negate & (op == Op.SIGMOID)),
            interpolating.eq(op == Op.INTERPOLATE),
            subtracting.eq(op == Op.SUBTRACT),
            coding.eq(op == Op.QUANTIZE),
            gathering.eq(command.stat != 0),
            fixed_shift.eq(
                Mux((op == Op.ADD) | (op == Op.SUBTRACT), 0, command.shift)),
        ]

        # Issue.
        outstanding = Signal(range(_OUTPUTS + 1))
        connect(m, flipped(self.sums), issue.sums)
        connect(m, flipped(self.loads), issue.loads)
        connect(m, flipped(self.fill), issue.fill)
        m.d.comb += [
            issue.command.eq(command),
            issue.start.eq(start),
            issue.slots.eq(Mux(offered_fills, 1, self.active)),
            issue.scaled.eq(scaled),
            issue.loaded.eq(scalars.loaded),
            issue.all_loaded.eq(~scaled | (scalars.loaded | ~self.active).all()),
            # The element that was issued in the last clock is not among the outstanding ones.
            issue.hold.eq(outstanding >= _OUTPUTS - 1),
            scalars.start.eq(start & offered_scaled & ~offered_fills),
            scalars.active.eq(self.active),
            scalars.reg.eq(command.operand),
            self.scalar_slot.eq(scalars.scalar_slot),
            self.scalar_reg.eq(scalars.scalar_reg),
            scalars.scalar_m.eq(self.scalar_m),
            scalars.scalar_e.eq(self.scalar_e),
            scalars.scalar_pending.eq(self.scalar_pending),
        ]

        # Read, and what is read with it later.
        element, entering = issue.element.p, Signal()
        m.d.comb += [
            entering.eq(issue.element.valid & ~filling),
            constant.write.addr.eq(element.dst),
            constant.write.data.eq(element.streamed),
            constant.write.en.eq(issue.element.valid & filling),
            tag.i.valid.eq(entering),
            tag.i.p.slot.eq(element.slot),
            tag.i.p.dst.eq(element.dst),
            tag.i.p.last.eq(element.last),
        ]
        for port, addr in [(vector.read[0], element.a), (vector.read[1], element.b),
                           (state.read[0], element.state), (constant.read[0], element.b)]:
            m.d.comb += [port.addr.eq(addr), port.en.eq(entering)]
            if port is not constant.read[0]:
                m.d.comb += port.slot.eq(element.slot)
        beside = data.StructLayout({"slot": range(config.slots), "streamed": signed(32)})
        valid, slots = Signal(SlotMemory.latency), Signal(range(config.slots), reset_less=True)
        besides = [Signal(beside, name=f"beside_{n}", reset_less=True)
                   for n in range(SlotMemory.latency)]
        m.d.sync += valid.eq(Cat(entering, valid))
        for n, (before, after) in enumerate(zip([element, *besides], besides)):
            with m.If(entering if n == 0 else valid[n - 1]):
                m.d.sync += [after.slot.eq(before.slot), after.streamed.eq(before.streamed)]
        with m.If(valid[-1]):
            m.d.sync += slots.eq(besides[-1].slot)

        # Operands.
        m.d.comb += [
            operands.command.eq(command),
            operands.i.valid.eq(valid[-1]),
            operands.i.p.vector_a.eq(vector.read[0].data),
            operands.i.p.vector_b.eq(vector.read[1].data),
            operands.i.p.state.eq(state.read[0].data),
            operands.i.p.constant.eq(constant.read[0].data),
            operands.i.p.streamed.eq(besides[-1].streamed),
            operands.i.p.fresh.eq(self.fresh.bit_select(besides[-1].slot, 1)),
            scalars.slot.eq(slots),
            sigmoid.i.valid.eq(operands.selected.valid & sigmoidal),
            sigmoid.i.p.a.eq(operands.selected.p.a),
            sigmoid.i.p.fraction.eq(command.operand),
            sigmoid.i.p.negate.eq(negate),
            factor.i.valid.eq(sigmoid.i.valid),
            factor.i.payload.eq(
                Mux(silu, operands.selected.p.a, operands.selected.p.b)),
            factor.o.ready.eq(sigmoid.o.valid),
        ]

        # Product, sum, result. Beside a sigmoid, `third` lies still and is zero.
        m.d.comb += [
            multiplier.i.valid.eq(Mux(sigmoidal, sigmoid.o.valid, operands.o.valid)),
            multiplier.i.p.a.eq(Mux(sigmoidal, factor.o.payload, operands.o.p.a)),
            multiplier.i.p.b.eq(Mux(sigmoidal, sigmoid.o.payload, Mux(
                scaled, scalars.factor.mantissa, saturate(operands.o.p.b, 32)))),
            shift.i.valid.eq(multiplier.i.valid),
            shift.i.p.shift.eq(Mux(scaled, scalars.factor.shift, fixed_shift)),
            shift.i.p.left.eq(scaled & scalars.factor.left),
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
        ]

        # Write.
        result = add.o.payload
        for port, en in [(vector.write, to_vector), (state.write, to_state)]:
            m.d.comb += [
                port.slot.eq(tag.o.p.slot),
                port.addr.eq(tag.o.p.dst),
                port.data.eq(result),
                port.en.eq(add.o.valid & en),
            ]
        m.d.comb += [
            self.codes.valid.eq(add.o.valid & to_code),
            self.codes.p.slot.eq(tag.o.p.slot),
            self.codes.p.addr.eq(tag.o.p.dst),
            self.codes.p.code.eq(result),
            outputs.i.valid.eq(add.o.valid & buffered),
            outputs.i.p.slot.eq(tag.o.p.slot),
            outputs.i.p.row.eq(tag.o.p.dst),
            outputs.i.p.logit.eq(result),
            outputs.i.p.last.eq(tag.o.p.last),
            self.logits.payload.eq(outputs.o.payload),
            self.logits.valid.eq(outputs.o.valid & logits),
            self.stores.payload.eq(outputs.o.p.logit),
            self.stores.valid.eq(outputs.o.valid & ~logits),
            outputs.o.ready.eq(Mux(logits, self.logits.ready, self.stores.ready)),
            self.element.eq(add.o.valid),
        ]
        m.d.sync += self.saturated.eq(
            add.o.valid & counting & (result[:31] == (~result[31]).replicate(31)))
        gone = outputs.o.valid & outputs.o.ready
        m.d.sync += outstanding.eq(outstanding + (entering & buffered) - gone)

        # Statistic.
        m.d.comb += [
            statistics.squares.eq(command.statistic == Statistic.SUM_SQUARES),
            statistics.i.valid.eq(add.o.valid & gathering),
            statistics.i.p.slot.eq(tag.o.p.slot),
            statistics.i.p.value.eq(result),
            statistics.i.p.last.eq(tag.o.p.last),
            self.statistic.valid.eq(statistics.o.valid),
            self.statistic.p.slot.eq(statistics.o.p.slot),
            self.statistic.p.value.eq(statistics.o.p.value),
            self.statistic.p.reg.eq(command.stat),
            statistics.o.ready.eq(self.statistic.ready),
        ]

        # The end: everything written, everything taken.
        written, gathered = Signal(), Signal()
        writing = (add.o.valid & tag.o.p.last) | (constant.write.en & element.last)
        with m.If(writing):
            m.d.sync += written.eq(1)
        with m.If(statistics.done):
            m.d.sync += gathered.eq(1)
        with m.If((written | writing) & (gathered | statistics.done)
                  & (outstanding == 0)):
            m.d.sync += self.busy.eq(0)
        with m.If(start):
            m.d.sync += [self.busy.eq(1), written.eq(0),
                         gathered.eq((offered.stat == 0) | offered_fills)]

        return m
