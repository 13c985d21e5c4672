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
        Number of registers.

    Members
    -------
    put, put_reg : :py:`In(1)`, :py:`In(range(registers))`
        Strobe: a writer begins. Its register is pending from the next clock on.
    take : :py:`In(1)`
        Strobe: the oldest writer has written.
    reg : :py:`In(range(registers))`
        Register asked for.
    pending : :py:`Out(1)`
        Whether a writer of it is under way. Combinational.

    Raises
    ------
    ValueError
        If there are no registers, or the depth is no power of two.
    """

    def __init__(self, *, depth, registers):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two, 2 or more, not {depth!r}")
        if registers < 1:
            raise ValueError(f"Register count must be positive, not {registers!r}")
        self.depth = depth
        self.registers = registers
        super().__init__({
            "put": In(1), "put_reg": In(range(registers)),
            "take": In(1),
            "reg": In(range(registers)),
            "pending": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        put_at, taken_at = Signal(range(self.depth)), Signal(range(self.depth))
        m.d.sync += [put_at.eq(put_at + self.put), taken_at.eq(taken_at + self.take)]

        matches = []
        for n in range(self.depth):
            reg = Signal(range(self.registers), name=f"reg_{n}", reset_less=True)
            under_way = Signal(name=f"under_way_{n}")
            with m.If(self.take & (taken_at == n)):
                m.d.sync += under_way.eq(0)
            with m.If(self.put & (put_at == n)):
                m.d.sync += [under_way.eq(1), reg.eq(self.put_reg)]
            matches.append(under_way & (reg == self.reg))
        m.d.comb += self.pending.eq(Cat(matches).any())

        return m
