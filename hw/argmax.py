"""Argmax: the row with the largest score."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Argmax", "score_layout"]


def score_layout(slots):
    """Return the payload of the scores: 16 fraction bits, a sum of 40 bits and noise."""
    return data.StructLayout({"slot": range(slots), "row": 18, "score": signed(41)})


class Argmax(wiring.Component):
    """Keeps for each slot the row with the largest score, the first that came of equal ones.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature(score_layout(slots), always_ready=True))`
        Scores, up to one in two clocks, of the slots in any order.
    clear : :py:`In(slots)`
        Strobes: forget the scores of these slots.
    token : :py:`Out(data.ArrayLayout(18, slots))`
        The row of each slot, ``latency`` clocks after its last score; 0 where none came.

    Raises
    ------
    ValueError
        If there are no slots.
    """

    #: Clocks from a score to the token.
    latency = 2
    #: Clocks from score to score.
    interval = 2

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

        # A memory of one row would have an address of no bits. One slot's score takes registers.
        m.submodules.best = best = Memory(
            shape=signed(41), depth=max(2, self.slots), init=[],
            attrs={"ram_style": "logic" if self.slots == 1 else "distributed"})
        write, read = best.write_port(), best.read_port(domain="comb")
        # Slots that have a score.
        scored = Signal(self.slots)
        row = Signal.like(self.i.p, reset_less=True)
        higher = Signal()
        m.d.comb += read.addr.eq(self.i.p.slot)
        m.d.sync += [
            row.eq(self.i.p),
            higher.eq(self.i.valid & (~scored.bit_select(self.i.p.slot, 1)
                                      | (read.data < self.i.p.score))),
        ]

        m.d.comb += [
            write.addr.eq(row.slot),
            write.data.eq(row.score),
            write.en.eq(higher),
        ]
        with m.If(higher):
            m.d.sync += [self.token[row.slot].eq(row.row),
                         scored.bit_select(row.slot, 1).eq(1)]
        for n in range(self.slots):
            with m.If(self.clear[n]):
                m.d.sync += [self.token[n].eq(0), scored[n].eq(0)]

        return m
