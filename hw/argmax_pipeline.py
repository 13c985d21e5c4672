"""Argmax: the row with the largest score, of scores that come in every clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .argmax import score_layout

__all__ = ["ArgmaxPipeline"]


class ArgmaxPipeline(wiring.Component):
    """Keeps for each slot the row with the largest score, the first that came of equal ones.

    Where a slot's scores come in two clocks running, the second one meets the memory before the
    first is in it. So it is compared with both, and which comparison counts is decided when it is
    known whether the first one won.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature(score_layout(slots), always_ready=True))`
        Scores, of the slots in any order.
    clear : :py:`In(slots)`
        Strobes: forget the scores of these slots. Not while a score is under way.
    token : :py:`Out(data.ArrayLayout(18, slots))`
        The row of each slot, ``latency`` clocks after its last score; 0 where none came.

    Raises
    ------
    ValueError
        If there are no slots.
    """

    #: Clocks from a score to the token.
    latency = 2

    def __init__(self, *, slots):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        super().__init__({
            "i": In(stream.Signature(score_layout(slots), always_ready=True)),
            "clear": In(slots),
            "token": Out(data.ArrayLayout(18, slots)),
        })

    def elaborate(self, platform):
        m = Module()

        # A memory of one row would have an address of no bits.
        m.submodules.best = best = Memory(shape=signed(41), depth=max(2, self.slots), init=[],
                                          attrs={"ram_style": "distributed"})
        write, read = best.write_port(), best.read_port(domain="comb")
        # Slots that have a score.
        scored = Signal(self.slots)
        row, valid = Signal.like(self.i.p, reset_less=True), Signal()
        above_best, above_last, last_won = Signal(), Signal(), Signal()
        wins = Signal()
        m.d.comb += [
            read.addr.eq(self.i.p.slot),
            wins.eq(valid & Mux(last_won, above_last, above_best)),
            write.addr.eq(row.slot),
            write.data.eq(row.score),
            write.en.eq(wins),
        ]
        m.d.sync += [
            row.eq(self.i.p),
            valid.eq(self.i.valid),
            above_best.eq(~scored.bit_select(self.i.p.slot, 1) | (read.data < self.i.p.score)),
            above_last.eq(row.score < self.i.p.score),
            last_won.eq(wins & (row.slot == self.i.p.slot)),
        ]

        with m.If(wins):
            m.d.sync += [self.token[row.slot].eq(row.row),
                         scored.bit_select(row.slot, 1).eq(1)]
        for n in range(self.slots):
            with m.If(self.clear[n]):
                m.d.sync += [self.token[n].eq(0), scored[n].eq(0)]

        return m
