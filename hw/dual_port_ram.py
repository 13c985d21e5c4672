"""Memory with one write port and one read port, without logic around it."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["DualPortRAM"]


class DualPortRAM(wiring.Component):
    """``depth`` rows of block RAM, or of LUT RAM where they are 16 or less.

    A row must not be read in the clock in which it is written: what comes then is old in
    simulation, and anything in block RAM. That is the price of a block RAM alone: Yosys builds
    the collision that Amaranth's own synchronous port defines out of some 45 LUT4 and 80
    registers for 32 bits. Here the output register is written out, so that Yosys finds it itself
    and heeds ``no_rw_check``.

    Parameters
    ----------
    width : :class:`int`
        Bits of a row.
    depth : :class:`int`
        Rows.
    init : iterable of :class:`int`
        Rows after configuration; zeros where it ends.

    Members
    -------
    w_addr, w_data, w_en
        Write port.
    r_addr : :py:`In(range(depth))`
        Row to read.
    r_en : :py:`In(1)`
        Read it.
    r_data : :py:`Out(width)`
        The row, from the next clock until the next read.
    """

    #: Clocks from ``r_addr`` to ``r_data``.
    latency = 1

    def __init__(self, *, width, depth, init=()):
        self.width = width
        self.depth = depth
        style = "distributed" if depth <= 16 else "block"
        self._storage = Memory(shape=width, depth=depth, init=init,
                               attrs={"no_rw_check": 1, "ram_style": style})
        super().__init__({
            "w_addr": In(range(depth)),
            "w_data": In(width),
            "w_en": In(1),
            "r_addr": In(range(depth)),
            "r_en": In(1, init=1),
            "r_data": Out(width),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.storage = storage = self._storage
        write = storage.write_port()
        read = storage.read_port(domain="comb")
        row = Signal(self.width, reset_less=True)
        m.d.comb += [
            write.addr.eq(self.w_addr),
            write.data.eq(self.w_data),
            write.en.eq(self.w_en),
            read.addr.eq(self.r_addr),
            self.r_data.eq(row),
        ]
        with m.If(self.r_en):
            m.d.sync += row.eq(read.data)

        return m
