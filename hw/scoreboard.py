"""Scoreboard: which registers wait for a result."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Scoreboard"]


class Scoreboard(wiring.Component):
    """Keeps for each register whether a writer is under way, and which one is the last.

    A register is pending from the clock after ``mark`` until the clock after the ``release`` of
    its last writer; releases of earlier writers change nothing. A mark and a release in the same
    clock leave the register pending.

    Parameters
    ----------
    depth : :class:`int`
        Number of registers.
    tags : :class:`int`
        Number of tags, which tell writers apart: no two under way may share one.

    Members
    -------
    mark, mark_reg, mark_tag : :py:`In(...)`
        Strobe: from now on the writer ``mark_tag`` is the last one of ``mark_reg``.
    release, release_reg, release_tag : :py:`In(...)`
        Strobe: the writer ``release_tag`` has written ``release_reg``.
    reg : :py:`In(range(depth))`
        Register asked for.
    pending : :py:`Out(1)`
        Whether it waits for a result. Combinational.

    Raises
    ------
    ValueError
        If there are no registers or no tags.
    """

    def __init__(self, *, depth, tags):
        if depth < 1:
            raise ValueError(f"Register count must be positive, not {depth!r}")
        if tags < 1:
            raise ValueError(f"Tag count must be positive, not {tags!r}")
        self.depth = depth
        self.tags = tags
        super().__init__({
            "mark": In(1), "mark_reg": In(range(depth)), "mark_tag": In(range(tags)),
            "release": In(1), "release_reg": In(range(depth)), "release_tag": In(range(tags)),
            "reg": In(range(depth)),
            "pending": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # Bits, so that a reset clears them; the tags need none, as they count only while pending.
        waiting = Signal(self.depth)
        m.submodules.last = last = Memory(shape=range(self.tags), depth=self.depth, init=[])
        write, read = last.write_port(), last.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(self.mark_reg),
            write.data.eq(self.mark_tag),
            write.en.eq(self.mark),
            read.addr.eq(self.release_reg),
        ]

        with m.If(self.release & (read.data == self.release_tag)):
            m.d.sync += waiting.bit_select(self.release_reg, 1).eq(0)
        with m.If(self.mark):
            m.d.sync += waiting.bit_select(self.mark_reg, 1).eq(1)
        m.d.comb += self.pending.eq(waiting.bit_select(self.reg, 1))

        return m
