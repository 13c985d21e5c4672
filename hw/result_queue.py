"""Queue of a pipeline's results in block RAM."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .slot_memory import SlotMemory

__all__ = ["ResultQueue"]


class ResultQueue(wiring.Component):
    """First in, first out, without a notion of full: who puts in knows there is room.

    One block RAM of an ECP5 for 36 bits and 512 results. Full rate on both sides.

    Parameters
    ----------
    shape : shape-like
        What is kept.
    depth : :class:`int`
        Results that have room, a power of two.

    Members
    -------
    i : :py:`In(stream.Signature(shape, always_ready=True))`
        In. Results beyond ``depth`` destroy others.
    o : :py:`Out(stream.Signature(shape))`
        Out, the oldest first, from a register.
    """

    #: Clocks from a result put in to the result offered, when empty.
    latency = 4

    def __init__(self, *, shape, depth):
        self.shape = shape
        self.depth = depth

        super().__init__({
            "i": In(stream.Signature(shape, always_ready=True)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()

        width = Shape.cast(self.shape).width
        m.submodules.rows = rows = SlotMemory(shape=width, words=self.depth)
        read = rows.read[0]

        # In, from a register of its own; a row is read when it has been written.
        put, seen, taken = (Signal(range(self.depth), name=name)
                            for name in ("put", "seen", "taken"))
        write = rows.write
        m.d.sync += [
            write.en.eq(self.i.valid),
            write.data[0].eq(self.i.payload),
            write.addr.eq(put),
            put.eq(put + self.i.valid),
            seen.eq(put),
        ]

        # Out: the block RAM's own register, then another.
        fetched, advance = Signal(), Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            read.addr.eq(taken),
            read.en.eq(~fetched | advance),
        ]
        with m.If(read.en):
            m.d.sync += fetched.eq(taken != seen)
            m.d.sync += taken.eq(taken + (taken != seen))
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(fetched), self.o.payload.eq(read.data[0])]

        return m
