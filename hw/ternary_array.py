"""The ternary array: one int8 code times `lanes` trits a clock, summed up exactly, row by row."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.isa import INSTRUCTIONS, Opcode

from .accumulate_unit import AccumulateUnit
from .code_memory import CodeRead
from .drain import Drain
from .folded_lanes import FoldedLanes
from .gearbox import Gearbox
from .trit_decoder import Trit, TritDecoder
from .vector_command import sum_layout

__all__ = ["ArrayCommand", "TernaryArray"]


#: Payload of the array's command: fields of MATVEC of the same names.
ArrayCommand = data.StructLayout({
    field.name: field.bits for name in ("code", "rows", "cols")
    for field in INSTRUCTIONS[Opcode.MATVEC].fields if field.name == name})


class TernaryArray(wiring.Component):
    """Output-stationary matrix product: ``lanes`` rows by one column a clock, for every slot.

    Rows are worked on in tiles of ``lanes``. A step takes the trits of one column of the tile from
    the tape, and every accumulator adds, subtracts or skips that column's code. After the last
    column one clock goes to the change of tiles: the sums move to a shadow register, from which
    the :class:`Drain` serves them while the next tile is worked on. The change waits until the
    shadow is empty. Sums never overflow: ``127 * max_cols`` fits ``acc_width``.

    With one slot every lane has an :class:`AccumulateUnit`. Lanes form groups of ``group``, each of
    which gets codes and trits a clock after the one before it: so no register serves more lanes,
    and none is far from those that it serves. With several slots four lanes share their adders
    where there are 20 of them or a multiple (:class:`FoldedLanes`): that is smaller, and takes
    columns four by four. Steps without trits fill the last four up.

    With bytes at hand a tile takes ``steps(config, cols) + 1`` clocks, or its number of sums and
    ``drain_gap`` where that is more. The first sum is offered ``latency`` clocks and
    its tile's steps after the command. Both are longer by ``spread(config)``.

    What it takes on ECP5 is in ``docs/area.md``.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    command : :py:`In(stream.Signature(ArrayCommand))`
        Rows and columns of the matrix (1 or more) and where the codes begin. Taken when idle.
    active : :py:`In(slots)`
        Slots whose sums are wanted. Does not change while ``busy``.
    coming : :py:`In(range(4 * word_bytes + 1))`
        Bytes of the tape that are at hand a clock later, as the :class:`Gearbox` counts them.
    data : :py:`In(8 * step_bytes)`
        The bytes, a clock after they are taken, the first lowest.
    take : :py:`Out(range(step_bytes + 1))`
        Bytes consumed in this clock: those of one step, ceil(rows of the tile / 5), or none.
    codes : :py:`Out(CodeRead(config))`
        Port of the code memory.
    sums : :py:`Out(stream.Signature(sum_layout(config)))`
        The sums, in the order of :class:`Drain`; ``last`` ends the command.
    busy : :py:`Out(1)`
        A command is being carried out, or some of its sums have not been taken.
    step : :py:`Out(1)`
        Strobe: a step is made, with trits or without.
    starved : :py:`Out(1)`
        Strobe: a step waits for bytes.
    blocked : :py:`Out(1)`
        Strobe: a change of tiles waits for the drain.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from a command to its first sum, less its tile's steps, where nothing waits.
    drain_gap : :class:`int`
        Clocks in which the drain has nothing to do when it holds up the array.
    group : :class:`int`
        Lanes of a group.
    """

    group = 20
    # Bytes are taken and codes read in stage 0; the first group adds them in this stage.
    _stages = 1 + CodeRead.latency
    # The change and all its stages, and the clock in which the drain looks at the tile.
    drain_gap = 1 + _stages + 1
    # Command, measure and change before the first step; the change behind the last.
    latency = 3 + 1 + _stages + Drain.latency

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(stream.Signature(ArrayCommand)),
            "active": In(config.slots),
            "coming": In(range(4 * config.word_bytes + 1)),
            "data": In(8 * config.step_bytes),
            "take": Out(range(config.step_bytes + 1)),
            "codes": Out(CodeRead(config)),
            "sums": Out(stream.Signature(sum_layout(config))),
            "busy": Out(1),
            "step": Out(1),
            "starved": Out(1),
            "blocked": Out(1),
        })

    @staticmethod
    def folded(config):
        """Return whether lanes share their adders."""
        return config.slots > 1 and config.lanes % (5 * FoldedLanes.fold) == 0

    @classmethod
    def spread(cls, config):
        """Return the clocks by which sums are there later than those of a single group of lanes."""
        if cls.folded(config):
            return FoldedLanes.latency - cls._stages - 1
        return (config.lanes - 1) // cls.group

    @classmethod
    def steps(cls, config, cols):
        """Return the steps of a tile of ``cols`` columns."""
        return -(-cols // FoldedLanes.fold) * FoldedLanes.fold if cls.folded(config) else cols

    def elaborate(self, platform):
        m = Module()

        m.submodules.drain = drain = Drain(config=self.config)
        connect(m, drain=drain.sums, array=flipped(self.sums))
        m.d.comb += drain.active.eq(self.active)

        # What each stage does in this clock: a step or a change, which may finish a tile.
        stages = [Signal(data.StructLayout({"step": 1, "change": 1, "finish": 1}),
                         name=f"stage_{n}")
                  for n in range(self._stages + 1 + self.spread(self.config))]
        for before, after in pairwise(stages):
            m.d.sync += after.eq(before)

        blank = self._control(m, stages, drain)
        if self.folded(self.config):
            self._folded_datapath(m, stages, blank, drain)
        else:
            self._datapath(m, stages, drain)
        with m.If(stages[-1].finish):
            m.d.sync += drain.tile.valid.eq(1)
        with m.Elif(drain.tile.ready):
            m.d.sync += drain.tile.valid.eq(0)

        return m

    def _control(self, m, stages, drain):
        """Make ``stages[0]``, and return whether its step is without trits."""
        lanes, step_bytes = self.config.lanes, self.config.step_bytes
        tile = drain.tile
        command = Signal(ArrayCommand, reset_less=True)

        # The column, and the one behind the next: what is compared is known two steps ahead. What
        # begins with each command is without reset, which leaves the flip-flops' own reset input
        # to set it to zero, instead of a LUT4 a bit.
        col = Signal.like(command.cols, reset_less=True)
        second = Signal.like(command.cols, reset_less=True)
        last_col, single = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += single.eq(command.cols == 1)

        # The running tile, if there is one.
        started, last = Signal(reset_less=True), Signal(reset_less=True)
        row = Signal.like(tile.p.row, reset_less=True)
        rows = Signal.like(tile.p.rows, reset_less=True)
        bytes_ = Signal.like(self.take, reset_less=True)

        # The next tile: a full one, or the last.
        next_row = Signal.like(row, reset_less=True)
        rows_left = Signal.like(command.rows, reset_less=True)
        low = rows_left[:len(rows)]
        next_last = ~rows_left[len(rows):].any() & (low <= lanes)
        last_bytes = Signal.like(bytes_)
        next_bytes = Mux(next_last, last_bytes, step_bytes)
        m.d.sync += rows_left.eq(command.rows - next_row)
        with m.Switch(low):
            for n in range(1, lanes + 1):
                with m.Case(n):
                    m.d.comb += last_bytes.eq(-(-n // 5))

        # A tile may be sent to the shadow when that is empty and no other is on its way there.
        under_way = Signal()
        m.d.comb += under_way.eq(Cat(stage.finish for stage in stages[1:]).any())

        # Whether this clock makes a step with trits: known a clock ahead, for all that hangs on it.
        stepping = Signal()
        m.d.sync += stepping.eq(0)
        m.d.comb += [
            stages[0].step.eq(stepping),
            self.take.eq(Mux(stepping, bytes_, 0)),
        ]

        # Steps that fill up the last few columns.
        folded, fold_bits = self.folded(self.config), exact_log2(FoldedLanes.fold)
        ragged, blank = Signal(reset_less=True), Signal()
        if folded:
            m.d.sync += ragged.eq(command.cols[:fold_bits] != 0)

        def finish_tile():
            m.d.comb += stages[0].finish.eq(1)
            # The drain looks at them only once the sums have followed.
            m.d.sync += [
                tile.p.row.eq(row),
                tile.p.rows.eq(rows),
                tile.p.last.eq(last),
            ]

        def begin_tile():
            m.d.sync += [
                started.eq(1),
                last.eq(next_last),
                row.eq(next_row),
                rows.eq(Mux(next_last, low, lanes)),
                bytes_.eq(next_bytes),
                next_row.eq(next_row + lanes),
                col.eq(0),
                second.eq(2),
                last_col.eq(single),
            ]

        with m.FSM():
            with m.State("Idle"):
                m.d.comb += self.command.ready.eq(~under_way & ~drain.busy)
                m.d.sync += [
                    command.eq(self.command.p),
                    next_row.eq(0),
                    started.eq(0),
                ]
                with m.If(self.command.valid & self.command.ready):
                    m.next = "Measure"

            with m.State("Measure"):
                # `rows_left` and `single` follow the command.
                m.next = "Change"

            with m.State("Change"):
                with m.If(under_way | tile.valid):
                    m.d.comb += self.blocked.eq(1)
                with m.Else():
                    m.d.comb += stages[0].change.eq(1)
                    begin_tile()
                    with m.If(started):
                        finish_tile()
                    with m.If(started & last):
                        m.next = "Idle"
                    with m.Else():
                        m.d.sync += stepping.eq(self.coming >= next_bytes)
                        m.next = "Step"

            with m.State("Step"):
                with m.If(stepping):
                    m.d.sync += [
                        col.eq(col + 1),
                        second.eq(second + 1),
                        last_col.eq(second == command.cols),
                    ]
                    with m.If(last_col):
                        m.next = "Change"
                        if folded:
                            with m.If(ragged):
                                m.next = "Fill"
                    with m.Else():
                        m.d.sync += stepping.eq(self.coming >= bytes_ << 1)
                with m.Else():
                    m.d.comb += self.starved.eq(1)
                    m.d.sync += stepping.eq(self.coming >= bytes_)

            if folded:
                with m.State("Fill"):
                    m.d.comb += [stages[0].step.eq(1), blank.eq(1)]
                    m.d.sync += col.eq(col + 1)
                    with m.If(col[:fold_bits].all()):
                        m.next = "Change"

        m.d.comb += [
            self.busy.eq(~self.command.ready),
            self.step.eq(stages[0].step),
            self.codes.addr.eq(command.code + col),
        ]
        return blank

    def _folded_datapath(self, m, stages, blank, drain):
        m.submodules.folded = lanes = FoldedLanes(config=self.config)
        m.d.comb += [
            lanes.step.eq(stages[0].step),
            lanes.blank.eq(blank),
            lanes.change.eq(stages[0].change),
            lanes.packed.eq(self.data),
            lanes.codes.eq(self.codes.data),
            drain.tile.p.sums.as_value().eq(lanes.sums),
        ]

    def _datapath(self, m, stages, drain):
        shadow = Signal.like(drain.tile.p.sums, reset_less=True)
        m.d.comb += drain.tile.p.sums.eq(shadow)

        codes = self.codes.data
        for group, first in enumerate(range(0, self.config.lanes, self.group)):
            lanes = range(first, min(first + self.group, self.config.lanes))
            codes = self._group(m, group, lanes, stages[:self._stages + 1 + group], codes, shadow)

    def _group(self, m, group, lanes, stages, before, shadow):
        """Add the units of a group, which adds in the last of ``stages``; return its codes."""
        # Bytes and codes arrive in the last stage together: the bytes are decoded, while the codes
        # come out of their memory and spread out to the lanes.
        packed = self.data[8 * (lanes.start // 5):8 * (lanes.stop // 5)]
        for n, stage in enumerate(stages[Gearbox.delay:-2 - TritDecoder.latency]):
            earlier, packed = packed, Signal.like(packed, name=f"packed_{group}_{n}",
                                                  reset_less=True)
            with m.If(stage.step):
                m.d.sync += packed.eq(earlier)

        decoded = []
        for n in range(len(lanes) // 5):
            m.submodules[f"decoder_{lanes.start // 5 + n}"] = decoder = TritDecoder()
            m.d.comb += [
                decoder.packed.eq(packed.word_select(n, 8)),
                decoder.en.eq(stages[-2 - TritDecoder.latency].step),
            ]
            decoded.append(decoder.trits)

        trits = Signal(data.ArrayLayout(Trit, len(lanes)), name=f"trits_{group}", reset_less=True)
        codes = Signal.like(before, name=f"codes_{group}", reset_less=True)
        with m.If(stages[-2].step):
            m.d.sync += [trits.eq(Cat(decoded)), codes.eq(before)]

        last = stages[-1]
        for slot in range(self.config.slots):
            for trit, lane in zip(trits, lanes):
                unit = AccumulateUnit(width=self.config.acc_width)
                m.submodules[f"unit_{slot}_{lane}"] = unit
                m.d.comb += [
                    unit.code.eq(codes[slot]),
                    unit.trit.eq(trit),
                    unit.en.eq(last.step),
                    unit.clear.eq(last.change),
                ]
                with m.If(last.change):
                    m.d.sync += shadow[slot][lane].eq(unit.sum)
        return codes
