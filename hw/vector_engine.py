"""The vector engine: int32 vectors in, int32 vectors, codes or logits out, one element a clock."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.isa import N_SCALARS

from .bypass import Bypass
from .element_issue import ElementIssue
from .scalar_operands import ScalarOperands
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
from .vector_pipeline import VectorPipeline

__all__ = ["VectorEngine"]

#: Elements that may be between issue and the output streams; more than the pipeline holds.
_OUTPUTS = 32


class VectorEngine(wiring.Component):
    """Carries out one vector command at a time, one element a clock.

    Bit exact with :mod:`trine.sim.golden.vector_engine`. Elements come slot by slot, each
    slot's from the first to the last; those of sums in the order of the stream; those of FILL
    once. An element reads its own index only, so vectors may be changed in place; vectors that
    overlap otherwise are not allowed. Inactive slots are not touched.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories.

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
    scalar_wait : :py:`Out(1)`
        Strobe: a scalar that is still computed is waited for, or its unit takes no statistic yet.
    """

    #: Clocks from an issued element to its result.
    latency = ElementIssue.latency + VectorPipeline.latency
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
            "scalar_wait": Out(1),
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
        if stat:
            return cycles + cls.statistic_latency + slots - 1
        return cycles + 2 * (target in (Target.LOGITS, Target.STORES))

    def elaborate(self, platform):
        m = Module()

        m.submodules.issue = issue = ElementIssue(config=self.config)
        m.submodules.scalars = scalars = ScalarOperands(slots=self.config.slots)
        m.submodules.pipeline = pipeline = VectorPipeline(config=self.config)
        m.submodules.statistics = statistics = Statistics(slots=self.config.slots)
        m.submodules.outputs = outputs = Bypass(shape=logit_layout(self.config), depth=_OUTPUTS)

        # The command lies still while elements are under way; what it means is registered.
        offered, command = self.command.p, Signal(VectorCommand)
        offered_fills, offered_scaled, start = Signal(), Signal(), Signal()
        m.d.comb += [
            self.command.ready.eq(~self.busy),
            offered_fills.eq(offered.target == Target.CONSTANT),
            offered_scaled.eq(((offered.op == Op.SCALE) | (offered.op == Op.QUANTIZE))
                              & ~offered_fills),
            start.eq(self.command.valid & ~self.busy & (offered_fills | self.active.any())),
        ]
        scaled = Signal()
        with m.If(start):
            m.d.sync += [command.eq(offered), scaled.eq(offered_scaled)]
        coding, logits, stores, gathering = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            coding.eq(command.op == Op.QUANTIZE),
            logits.eq(command.target == Target.LOGITS),
            stores.eq(command.target == Target.STORES),
            gathering.eq(command.stat != 0),
        ]

        # Issue.
        outstanding = Signal(range(_OUTPUTS + 1))
        connect(m, flipped(self.sums), issue.sums)
        connect(m, flipped(self.loads), issue.loads)
        connect(m, flipped(self.fill), issue.fill)
        connect(m, issue.element, pipeline.element)
        m.d.comb += [
            issue.command.eq(command),
            issue.start.eq(start),
            issue.slots.eq(Mux(offered_fills, 1, self.active)),
            issue.scaled.eq(scaled),
            issue.loaded.eq(scalars.loaded),
            issue.all_loaded.eq(~scaled | (scalars.loaded | ~self.active).all()),
            # The element that was issued in the last clock is not among the outstanding ones.
            issue.hold.eq(outstanding >= _OUTPUTS - 1),
            scalars.start.eq(start & offered_scaled),
            scalars.active.eq(self.active),
            scalars.reg.eq(command.operand),
            scalars.slot.eq(pipeline.slot),
            self.scalar_slot.eq(scalars.scalar_slot),
            self.scalar_reg.eq(scalars.scalar_reg),
            scalars.scalar_m.eq(self.scalar_m),
            scalars.scalar_e.eq(self.scalar_e),
            scalars.scalar_pending.eq(self.scalar_pending),
            pipeline.command.eq(command),
            pipeline.fresh.eq(self.fresh),
            pipeline.factor.eq(scalars.factor),
        ]

        # Results that leave the engine.
        result = pipeline.result.p
        m.d.comb += [
            self.codes.valid.eq(pipeline.result.valid & coding),
            self.codes.p.slot.eq(result.slot),
            self.codes.p.addr.eq(result.dst),
            self.codes.p.code.eq(result.value),
            outputs.i.valid.eq(pipeline.result.valid & (logits | stores)),
            outputs.i.p.slot.eq(result.slot),
            outputs.i.p.row.eq(result.dst),
            outputs.i.p.logit.eq(result.value),
            outputs.i.p.last.eq(result.last),
            self.logits.payload.eq(outputs.o.payload),
            self.logits.valid.eq(outputs.o.valid & logits),
            self.stores.payload.eq(outputs.o.p.logit),
            self.stores.valid.eq(outputs.o.valid & stores),
            outputs.o.ready.eq(Mux(logits, self.logits.ready, self.stores.ready)),
            self.element.eq(pipeline.result.valid),
        ]
        limit = result.value[:31] == (~result.value[31]).replicate(31)
        m.d.sync += [
            self.saturated.eq(pipeline.result.valid & limit & ~coding & ~stores),
            outstanding.eq(outstanding + (issue.element.valid & (logits | stores))
                           - (outputs.o.valid & outputs.o.ready)),
        ]

        # Statistic.
        m.d.comb += [
            statistics.squares.eq(command.statistic == Statistic.SUM_SQUARES),
            statistics.i.valid.eq(pipeline.result.valid & gathering),
            statistics.i.p.slot.eq(result.slot),
            statistics.i.p.value.eq(result.value),
            statistics.i.p.last.eq(result.last),
            self.statistic.valid.eq(statistics.o.valid),
            self.statistic.p.slot.eq(statistics.o.p.slot),
            self.statistic.p.value.eq(statistics.o.p.value),
            self.statistic.p.reg.eq(command.stat),
            statistics.o.ready.eq(self.statistic.ready),
            self.scalar_wait.eq((self.busy & ~issue.all_loaded & self.scalar_pending)
                                | (self.statistic.valid & ~self.statistic.ready)),
        ]

        # The end: everything written, everything taken.
        written, gathered, writing = Signal(), Signal(), Signal()
        m.d.comb += writing.eq((pipeline.result.valid & result.last) | pipeline.filled)
        with m.If(writing):
            m.d.sync += written.eq(1)
        with m.If(statistics.done):
            m.d.sync += gathered.eq(1)
        with m.If((written | writing) & (gathered | statistics.done) & (outstanding == 0)):
            m.d.sync += self.busy.eq(0)
        with m.If(start):
            m.d.sync += [self.busy.eq(1), written.eq(0),
                         gathered.eq((offered.stat == 0) | offered_fills)]

        return m
