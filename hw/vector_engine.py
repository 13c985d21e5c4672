"""The vector engine: int32 vectors in, int32 vectors, codes or logits out, one beat a clock."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.isa import N_SCALARS, STAT_KEPT

from .element_issue import ElementIssue
from .result_queue import ResultQueue
from .scalar_operands import ScalarOperands
from .serializer import Serializer
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

#: Elements that may be between issue and the output streams: a block RAM's. From a power of two on
#: nothing is issued, which is still short of what those add that are under way then.
_OUTPUTS, _ENOUGH = 512, 256


class VectorEngine(wiring.Component):
    """Carries out one vector command at a time, one beat of ``vector_lanes`` elements a clock.

    Bit exact with :mod:`trine.sim.golden.vector_engine`. Elements come slot by slot, each
    slot's from the first to the last; those of sums in the order of the stream; those of FILL
    once. An element reads its own index only, so vectors may be changed in place; vectors that
    overlap otherwise are not allowed. Inactive slots are not touched. Vectors begin at multiples of
    ``vector_lanes`` in every memory. Loads, stores, constants and logits go one element a clock.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots, lanes and sizes of memories.

    Members
    -------
    command : :py:`In(stream.Signature(VectorCommand))`
        Ready while idle. A command without active slots is dropped.
    busy : :py:`Out(1)`
        High until the command's results are written or taken and its statistic is taken.
    active : :py:`In(config.slots)`
        Slots that take part. Constant from the clock after a command on, while busy.
    fresh : :py:`In(config.slots)`
        Slots whose state INTERPOLATE reads as zero. Constant while busy.
    chained : :py:`In(1)`
        INTERPOLATE reads the state of the next lower active slot, which it has just moved; that of
        ``source`` for the lowest one. Constant while busy.
    source : :py:`In(range(config.slots))`
        See ``chained``.
    sums, loads, fill : :py:`In(stream)`
        Operand a of SUMS and LOADS, and what FILL writes. Sums come by beats. Loads are as many for
        each active slot as the command is long.
    stores, logits : :py:`Out(stream)`
        Results of these targets.
    codes : :py:`Out(stream, always_ready=True)`
        Writes to code memory, by beats.
    scalar_slot, scalar_reg : :py:`Out(range(config.slots))`, :py:`Out(6)`
        Scalar register that is read.
    scalar_m, scalar_e, scalar_pending : :py:`In(31)`, :py:`In(signed(10))`, :py:`In(1)`
        Its value two clocks later, and whether an instruction that writes it is under way.
    statistic : :py:`Out(stream)`
        One for each active slot, after the last element, where ``stat`` is not 0; none where the
        statistic is kept for a later command.
    element : :py:`Out(1)`
        Strobe: a beat of elements leaves the pipeline (FILL has none).
    saturated : :py:`Out(range(vector_lanes + 1))`
        Results of a beat that stand at an end of int32. Codes and stores don't count.
    scalar_wait : :py:`Out(1)`
        Strobe: a scalar that is still computed is waited for, or its unit takes no statistic yet.
    """

    #: Clocks from an issued element to its result.
    latency = ElementIssue.latency + VectorPipeline.latency
    #: Clocks from a command taken to the first element that may be issued, beyond the next one.
    begin_latency = 3
    #: Clocks from the last result to the first statistic, with one lane.
    statistic_latency = Statistics.latency

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(stream.Signature(VectorCommand)),
            "busy": Out(1),
            "active": In(config.slots),
            "fresh": In(config.slots),
            "chained": In(1),
            "source": In(range(config.slots)),
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
            "saturated": Out(range(config.vector_lanes + 1)),
            "scalar_wait": Out(1),
        })

    @classmethod
    def cycles(cls, op, target, length, *, slots=1, lanes=1, loads=False, stat=False):
        """Return the clocks from a command taken until the next one may be.

        Exact where no stream stalls and no scalar is pending; with vectors of several slots that
        are shorter than ``ScalarOperands.latency`` beats, and with sums, scalars may take longer.

        Parameters
        ----------
        op, target : :class:`Op`, :class:`Target`
            Those of the command.
        length : :class:`int`
            Elements of a slot.
        slots : :class:`int`
            Active slots.
        lanes : :class:`int`
            Elements of a beat.
        loads : :class:`bool`
            Whether operand a is LOADS.
        stat : :class:`bool`
            Whether there is a statistic.
        """
        if target == Target.CONSTANT:
            return cls.begin_latency + length + ElementIssue.latency + 1
        beats = slots * -(-length // lanes)
        paced = target in (Target.LOGITS, Target.STORES)
        cycles = cls.begin_latency + cls.latency + 1
        cycles += slots * length if loads else (beats - 1) * lanes + 1 if paced else beats
        if op in (Op.SCALE, Op.QUANTIZE):
            cycles += ScalarOperands.latency
        ends = [0]
        if stat:
            ends.append(cls.statistic_latency + exact_log2(lanes) + slots - 1)
        if paced:
            # The last beat's results follow its first one.
            ends.append(ResultQueue.latency + 2 + (lanes > 1) + (length - 1) % lanes)
        return cycles + max(ends)

    def elaborate(self, platform):
        m = Module()

        m.submodules.issue = issue = ElementIssue(config=self.config)
        m.submodules.scalars = scalars = ScalarOperands(slots=self.config.slots)
        m.submodules.pipeline = pipeline = VectorPipeline(config=self.config)
        m.submodules.statistics = statistics = Statistics(
            slots=self.config.slots, lanes=self.config.vector_lanes)
        m.submodules.serializer = serializer = Serializer(config=self.config)
        m.submodules.outputs = outputs = ResultQueue(shape=logit_layout(self.config),
                                                     depth=_OUTPUTS)

        # The command lies still while elements are under way. What it means is registered, as are
        # the slots; then elements are issued.
        command, active = Signal(VectorCommand), Signal(self.config.slots)
        scaled, filling = Signal(), Signal()
        coding, logits, stores, gathering = Signal(), Signal(), Signal(), Signal()
        take, taken, begin, start = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.command.ready.eq(~self.busy),
            take.eq(self.command.valid & ~self.busy),
            start.eq(begin & (filling | active.any())),
        ]
        m.d.sync += [
            taken.eq(take),
            begin.eq(taken),
            active.eq(self.active),
            filling.eq(command.target == Target.CONSTANT),
            scaled.eq(((command.op == Op.SCALE) | (command.op == Op.QUANTIZE))
                      & (command.target != Target.CONSTANT)),
            coding.eq(command.op == Op.QUANTIZE),
            logits.eq(command.target == Target.LOGITS),
            stores.eq(command.target == Target.STORES),
            gathering.eq((command.stat != 0) & (command.target != Target.CONSTANT)),
        ]
        with m.If(~self.busy):
            m.d.sync += command.eq(self.command.p)

        # Issue.
        outstanding, hold = Signal(range(_OUTPUTS)), Signal()
        # A slot of a chain begins when the state of the one before is written, however short.
        settling = Signal()
        if self.config.slots > 1:
            settle = Signal(range(VectorPipeline.latency + 1))
            moves_state = Signal()
            m.d.sync += moves_state.eq(self.chained & (command.op == Op.INTERPOLATE))
            with m.If(issue.slot_ends & moves_state):
                m.d.sync += [settle.eq(VectorPipeline.latency), settling.eq(1)]
            with m.Elif(settling):
                m.d.sync += [settle.eq(settle - 1), settling.eq(settle != 0)]
        connect(m, flipped(self.sums), issue.sums)
        connect(m, flipped(self.loads), issue.loads)
        connect(m, flipped(self.fill), issue.fill)
        connect(m, issue.element, pipeline.element)
        m.d.comb += [
            issue.command.eq(command),
            issue.start.eq(start),
            issue.slots.eq(Mux(filling, 1, active)),
            issue.scaled.eq(scaled),
            issue.loaded.eq(scalars.loaded),
            issue.all_loaded.eq(~scaled | scalars.all_loaded),
            issue.chained.eq(self.chained),
            issue.source.eq(self.source),
            issue.hold.eq(hold | settling),
            scalars.start.eq(start & scaled),
            scalars.active.eq(active),
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
        connect(m, serializer.o, outputs.i)
        m.d.comb += [
            self.codes.valid.eq(pipeline.result.valid & coding),
            self.codes.p.slot.eq(result.slot),
            self.codes.p.row.eq(result.dst),
            *(self.codes.p.codes[n].eq(value) for n, value in enumerate(result.values)),
            self.codes.p.more.eq(result.more),
            serializer.i.valid.eq(pipeline.result.valid & (logits | stores)),
            serializer.i.payload.eq(result),
            self.logits.payload.eq(outputs.o.payload),
            self.logits.valid.eq(outputs.o.valid & logits),
            self.stores.payload.eq(outputs.o.p.logit),
            self.stores.valid.eq(outputs.o.valid & stores),
            outputs.o.ready.eq(Mux(logits, self.logits.ready, self.stores.ready)),
            self.element.eq(pipeline.result.valid),
        ]
        leaving, counted, limits = Signal(), Signal(), Signal(self.config.vector_lanes)
        ends = Cat(value[:31] == (~value[31]).replicate(31) for value in result.values)
        coming = Mux(issue.element.valid & (logits | stores), 1 + sum(issue.element.p.more), 0)
        m.d.sync += [
            limits.eq(ends & Cat(1, result.more)),
            counted.eq(pipeline.result.valid & ~coding & ~stores),
            self.saturated.eq(Mux(counted, sum(limits), 0)),
            leaving.eq(outputs.o.valid & outputs.o.ready),
            outstanding.eq(outstanding + coming - leaving),
            hold.eq(outstanding[exact_log2(_ENOUGH):].any()),
        ]

        # Statistic.
        if self.config.keeps_statistics:
            m.d.sync += statistics.keep.eq(command.stat == STAT_KEPT)
        m.d.comb += [
            statistics.squares.eq(command.statistic == Statistic.SUM_SQUARES),
            statistics.i.valid.eq(pipeline.result.valid & gathering),
            statistics.i.p.slot.eq(result.slot),
            statistics.i.p.values.eq(result.values),
            statistics.i.p.more.eq(result.more),
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
        written, gathered, empty = Signal(), Signal(), Signal()
        m.d.sync += empty.eq(outstanding == 0)
        with m.If((pipeline.result.valid & result.last) | pipeline.filled):
            m.d.sync += written.eq(1)
        with m.If(statistics.done):
            m.d.sync += gathered.eq(1)
        with m.If(begin):
            m.d.sync += [written.eq(~start), gathered.eq(~start | ~gathering)]
        with m.If(take):
            m.d.sync += [self.busy.eq(1), written.eq(0), gathered.eq(0)]
        with m.Elif(written & gathered & empty):
            m.d.sync += self.busy.eq(0)

        return m
