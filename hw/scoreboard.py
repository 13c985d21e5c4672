"""Scoreboard: which registers wait for a result."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Scoreboard"]


class Scoreboard(wiring.Component):
    """Remembers the registers that writers under way will write, the oldest first.

    Parameters
    ----------
    depth : :class:`int`
        Writers under way at most, a power of two. It is the parent that never exceeds it.
    registers : :class:`int`
        Number of registers. Register 0 is never written, so it is never pending.

    Members
    -------
    put, put_reg : :py:`In(1)`, :py:`In(range(registers))`
        Strobe: a writer begins. Its register is pending from the next clock on.
    take : :py:`In(1)`
        Strobe: the oldest writer has written.
    put_at, take_at : :py:`Out(range(depth))`
        Places of the next writer and of the oldest: they count the strobes.
    reg : :py:`In(range(registers))`
        Register asked for.
    pending : :py:`Out(1)`
        Whether a writer of it was under way, ``latency`` clocks later.

    Raises
    ------
    ValueError
        If there are less than two registers, or the depth is no power of two.
    """

    #: Clocks from a register to its answer.
    latency = 2

    def __init__(self, *, depth, registers):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two, 2 or more, not {depth!r}")
        if registers < 2:
            raise ValueError(f"Register count must be 2 or more, not {registers!r}")
        self.depth = depth
        self.registers = registers
        super().__init__({
            "put": In(1), "put_reg": In(range(registers)),
            "take": In(1),
            "put_at": Out(range(depth)), "take_at": Out(range(depth)),
            "reg": In(range(registers)),
            "pending": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.d.sync += [self.put_at.eq(self.put_at + self.put),
                     self.take_at.eq(self.take_at + self.take)]

        # A place without a writer holds register 0, so one comparison tells all.
        matches = Signal(self.depth)
        other = Signal()
        for n, match in enumerate(matches):
            reg = Signal(range(self.registers), name=f"reg_{n}")
            with m.If(self.put & (self.put_at == n)):
                m.d.sync += reg.eq(self.put_reg)
            with m.If(self.take & (self.take_at == n)):
                m.d.sync += reg.eq(0)
            m.d.sync += match.eq(reg == self.reg)
        m.d.sync += [other.eq(self.reg != 0), self.pending.eq(matches.any() & other)]

        return m
