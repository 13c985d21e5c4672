"""The ternary array: one int8 code times `lanes` trits a clock, summed up exactly, row by row."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.isa import INSTRUCTIONS, Opcode

from .accumulate_unit import AccumulateUnit
from .code_memory import CodeRead
from .drain import Drain
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

    With bytes at hand a tile takes ``cols + 1`` clocks, or its number of sums and ``drain_gap``
    where that is more. The first sum is offered ``latency + cols`` clocks after the command.

    On ECP5 a lane of a slot takes about 36 LUT4, decoder and drain included, and two registers for
    each bit of its accumulator.

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
    available : :py:`In(range(3 * word_bytes + 1))`
        Bytes of the tape at hand, as the :class:`Gearbox` counts them.
    data : :py:`In(8 * step_bytes)`
        The bytes, the next one lowest.
    take : :py:`Out(range(step_bytes + 1))`
        Bytes consumed in this clock: those of one step, ceil(rows of the tile / 5), or none.
    codes : :py:`Out(CodeRead(config))`
        Port of the code memory.
    sums : :py:`Out(stream.Signature(sum_layout(config)))`
        The sums, in the order of :class:`Drain`; ``last`` ends the command.
    busy : :py:`Out(1)`
        A command is being carried out, or some of its sums have not been taken.
    step : :py:`Out(1)`
        Strobe: a step is made.
    starved : :py:`Out(1)`
        Strobe: a step waits for bytes.
    blocked : :py:`Out(1)`
        Strobe: a change of tiles waits for the drain.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from a command to its first sum, less ``cols``, where nothing waits.
    drain_gap : :class:`int`
        Clocks in which the drain has nothing to do when it holds up the array.
    """

    # Bytes and code address leave in stage 0; their trits and codes are added in the last stage.
    _stages = 1 + CodeRead.latency
    drain_gap = _stages + 1
    # The command; the change before and the change behind the first tile; its way to the drain.
    latency = 1 + 1 + drain_gap + Drain.latency

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(stream.Signature(ArrayCommand)),
            "active": In(config.slots),
            "available": In(range(3 * config.word_bytes + 1)),
            "data": In(8 * config.step_bytes),
            "take": Out(range(config.step_bytes + 1)),
            "codes": Out(CodeRead(config)),
            "sums": Out(stream.Signature(sum_layout(config))),
            "busy": Out(1),
            "step": Out(1),
            "starved": Out(1),
            "blocked": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.drain = drain = Drain(config=self.config)
        connect(m, drain=drain.sums, array=flipped(self.sums))
        m.d.comb += drain.active.eq(self.active)

        # What each stage does in this clock: a step or a change, which may finish a tile.
        stages = [Signal(data.StructLayout({"step": 1, "change": 1, "finish": 1}),
                         name=f"stage_{n}") for n in range(self._stages + 1)]
        for before, after in pairwise(stages):
            m.d.sync += after.eq(before)

        self._control(m, stages, drain)
        self._datapath(m, stages, drain)

        return m

    def _control(self, m, stages, drain):
        tile = drain.tile
        command = Signal(ArrayCommand)
        started = Signal()
        row = Signal.like(tile.p.row)  # first of the running tile
        rows_left = Signal.like(command.rows)  # behind the running tile
        cols_left = Signal.like(command.cols)  # of the running tile
        tile_rows = Signal.like(tile.p.rows)
        tile_bytes = Signal.like(self.take)
        tile_last = Signal()
        column = Signal.like(self.codes.addr)

        # A tile may be sent to the shadow when that is empty and no other is on its way there.
        under_way = Signal()
        m.d.comb += under_way.eq(Cat(stage.finish for stage in stages[1:]).any())

        def begin_tile():
            m.d.sync += [
                tile_last.eq(rows_left <= self.config.lanes),
                tile_rows.eq(Mux(rows_left <= self.config.lanes, rows_left, self.config.lanes)),
                rows_left.eq(rows_left - self.config.lanes),
                cols_left.eq(command.cols),
                column.eq(command.code),
            ]
            m.d.sync += tile_bytes.eq(self.config.step_bytes)
            for n in reversed(range(1, self.config.step_bytes)):
                with m.If(rows_left <= 5 * n):
                    m.d.sync += tile_bytes.eq(n)

        def finish_tile():
            m.d.comb += stages[0].finish.eq(1)
            m.d.sync += [
                # The drain looks at them only once the sums have followed.
                tile.p.row.eq(row),
                tile.p.rows.eq(tile_rows),
                tile.p.last.eq(tile_last),
                row.eq(row + self.config.lanes),
            ]

        with m.FSM():
            with m.State("Idle"):
                m.d.comb += self.command.ready.eq(~under_way & ~drain.busy)
                m.d.sync += [
                    command.eq(self.command.p),
                    rows_left.eq(self.command.p.rows),
                    row.eq(0),
                    started.eq(0),
                ]
                with m.If(self.command.valid & self.command.ready):
                    m.next = "Change"

            with m.State("Change"):
                with m.If(under_way | tile.valid):
                    m.d.comb += self.blocked.eq(1)
                with m.Else():
                    m.d.comb += stages[0].change.eq(1)
                    m.d.sync += started.eq(1)
                    begin_tile()
                    m.next = "Step"
                    with m.If(started):
                        finish_tile()
                        with m.If(tile_last):
                            m.next = "Idle"

            with m.State("Step"):
                with m.If(self.available >= tile_bytes):
                    m.d.comb += [
                        stages[0].step.eq(1),
                        self.take.eq(tile_bytes),
                    ]
                    m.d.sync += [
                        column.eq(column + 1),
                        cols_left.eq(cols_left - 1),
                    ]
                    with m.If(cols_left == 1):
                        m.next = "Change"
                with m.Else():
                    m.d.comb += self.starved.eq(1)

        m.d.comb += [
            self.busy.eq(~self.command.ready),
            self.step.eq(stages[0].step),
            self.codes.addr.eq(column),
            self.codes.en.eq(stages[0].step),
        ]

    def _datapath(self, m, stages, drain):
        # The bytes wait for their code, and are decoded in the clock in which that spreads out.
        packed = self.data
        for n, stage in enumerate(stages[:CodeRead.latency]):
            before, packed = packed, Signal.like(packed, name=f"packed_{n}", reset_less=True)
            with m.If(stage.step):
                m.d.sync += packed.eq(before)

        trits = Signal(data.ArrayLayout(Trit, self.config.lanes), reset_less=True)
        codes = Signal.like(self.codes.data, reset_less=True)
        decoded = []
        for n in range(self.config.step_bytes):
            m.submodules[f"decoder_{n}"] = decoder = TritDecoder()
            m.d.comb += decoder.packed.eq(packed.word_select(n, 8))
            decoded.append(decoder.trits)
        with m.If(stages[CodeRead.latency].step):
            m.d.sync += [
                trits.eq(Cat(decoded)),
                codes.eq(self.codes.data),
            ]

        shadow = Signal.like(drain.tile.p.sums, reset_less=True)
        m.d.comb += drain.tile.p.sums.eq(shadow)
        last = stages[self._stages]
        for slot in range(self.config.slots):
            for lane in range(self.config.lanes):
                unit = AccumulateUnit(width=self.config.acc_width)
                m.submodules[f"unit_{slot}_{lane}"] = unit
                m.d.comb += [
                    unit.code.eq(codes[slot]),
                    unit.trit.eq(trits[lane]),
                    unit.en.eq(last.step),
                    unit.clear.eq(last.change),
                ]
                with m.If(last.change):
                    m.d.sync += shadow[slot][lane].eq(unit.sum)

        with m.If(last.finish):
            m.d.sync += drain.tile.valid.eq(1)
        with m.Elif(drain.tile.ready):
            m.d.sync += drain.tile.valid.eq(0)
