"""On-chip memory behind the memory signature."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import exact_log2

from .arbiter import BurstArbiter
from .signature import MemorySignature

__all__ = ["BlockRAM"]


class BlockRAM(wiring.Component):
    """Memory of block RAM: one beat a clock on the tape, also across commands.

    One address serves reads and writes, so a memory of ``depth`` beats of 16 bits takes
    ``depth / 1024`` block RAMs of an ECP5, and a random burst of n beats costs the tape n clocks.
    The read data are registered behind the block RAM.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat.
    depth : :class:`int`
        Beats, a power of two, at least two bursts.
    burst_beats : :class:`int`
        Beats of a burst, a power of two.
    init : iterable of :class:`int`
        Contents after configuration, beats; zeros where it ends.

    Members
    -------
    memory : :py:`In(MemorySignature(...))`
        The core.

    Raises
    ------
    ValueError
        If the depth is not a power of two of beats, or too small.
    """

    #: Clocks from an accepted tape command to its first beat offered.
    latency = BurstArbiter.request_latency + 2 + BurstArbiter.beat_latency

    def __init__(self, *, beat_bytes, depth, burst_beats=8, init=()):
        if depth < 2 * burst_beats or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two of beats, two bursts or more, "
                             f"not {depth!r}")
        self.beat_bytes = beat_bytes
        self.depth = depth
        self.burst_beats = burst_beats
        self.init = list(init)

        super().__init__({
            "memory": In(MemorySignature(beat_bytes=beat_bytes, addr_width=exact_log2(depth))),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.arbiter = arbiter = BurstArbiter(
            beat_bytes=self.beat_bytes, addr_width=exact_log2(self.depth),
            burst_beats=self.burst_beats)
        connect(m, memory=flipped(self.memory), arbiter=arbiter.memory)

        # One address port: reading and writing exclude each other.
        m.submodules.storage = storage = Memory(
            shape=8 * self.beat_bytes, depth=self.depth, init=self.init)
        read = storage.read_port()
        write = storage.write_port()

        request = arbiter.request
        beat = Signal(range(self.burst_beats))
        last = beat == self.burst_beats - 1
        writes = request.valid & request.p.write
        m.d.sync += beat.eq(beat + request.valid)
        m.d.comb += [
            request.ready.eq(last),
            read.addr.eq(Cat(beat, request.p.addr)),
            write.addr.eq(Cat(beat, request.p.addr)),
            write.data.eq(arbiter.stored.payload),
            write.en.eq(writes),
            read.en.eq(~writes),
            arbiter.stored.ready.eq(writes),
        ]
        m.d.sync += arbiter.written.eq(writes & last & request.p.last)

        reading = Signal()
        tape = Signal()
        m.d.sync += [
            reading.eq(request.valid & ~request.p.write),
            tape.eq(request.p.tape),
            arbiter.loaded.eq(reading),
            arbiter.beat.data.eq(read.data),
            arbiter.beat.tape.eq(tape),
        ]

        return m
