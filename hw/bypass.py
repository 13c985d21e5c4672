"""Way around a pipeline for what is needed again behind it."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Bypass"]


class Bypass(wiring.Component):
    """First in, first out, in LUT RAM, without a notion of full: who puts in knows there is room.

    What travels beside a pipeline is put in where an element enters and taken out where it leaves;
    that costs less than a register a stage, and fits pipelines whose length changes.

    Parameters
    ----------
    shape : shape-like
        What is kept.
    depth : :class:`int`
        Payloads that have room, a power of two.

    Members
    -------
    i : :py:`In(stream.Signature(shape, always_ready=True))`
        In. Payloads beyond ``depth`` destroy others.
    o : :py:`Out(stream.Signature(shape))`
        Out, the oldest first.

    Raises
    ------
    ValueError
        If the depth is not a power of two.
    """

    #: Clocks from a payload put in to the payload offered.
    latency = 1

    def __init__(self, *, shape, depth):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two, 2 or more, not {depth!r}")
        self.shape = shape
        self.depth = depth

        super().__init__({
            "i": In(stream.Signature(shape, always_ready=True)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.rows = rows = Memory(shape=Shape.cast(self.shape), depth=self.depth, init=[])
        write, read = rows.write_port(), rows.read_port(domain="comb")

        # One bit more than an address tells full from empty.
        put, taken = Signal(range(2 * self.depth)), Signal(range(2 * self.depth))
        m.d.comb += [
            write.addr.eq(put),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid),
            read.addr.eq(taken),
            self.o.payload.eq(read.data),
            self.o.valid.eq(put != taken),
        ]
        with m.If(self.i.valid):
            m.d.sync += put.eq(put + 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += taken.eq(taken + 1)

        return m
