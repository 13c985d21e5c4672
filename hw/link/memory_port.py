"""Memory port: moves bytes of frames to and from memory, and sums memory up."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from trine.firmware.protocol import CRC_MAX, DATA_MAX

from ..memory.signature import BurstCommand
from .crc import CRC32

__all__ = ["BurstSignature", "MemoryAction", "MemoryCommand", "MemoryPort"]


class MemoryAction(enum.Enum, shape=2):
    """What to do with a piece of memory."""

    READ = 0
    WRITE = 1
    SUM = 2


class MemoryCommand(data.StructLayout):
    """Payload: ``action`` on ``beats`` beats, at least 1, from beat address ``addr`` on."""

    def __init__(self, beat_bytes, addr_width):
        super().__init__({"addr": unsigned(addr_width),
                          "beats": range(CRC_MAX // beat_bytes + 1),
                          "action": MemoryAction})


class BurstSignature(wiring.Signature):
    """The members of :class:`..memory.signature.MemorySignature` that random bursts need."""

    def __init__(self, *, beat_bytes, addr_width):
        super().__init__({
            "burst": Out(stream.Signature(BurstCommand(addr_width))),
            "wdata": Out(stream.Signature(unsigned(8 * beat_bytes))),
            "rdata": In(stream.Signature(unsigned(8 * beat_bytes))),
            "done": In(1),
        })


class MemoryPort(wiring.Component):
    """Reads, writes or sums up a piece of memory.

    A byte a clock is written, as far as the memory follows; where a beat is one byte, every second
    clock. Reading and summing take a clock more for each beat. A command has two beats or more.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat, a power of two.
    addr_width : :class:`int`
        Bits of a beat address.

    Members
    -------
    command : :py:`In(stream.Signature(MemoryCommand(beat_bytes, addr_width)))`
        ``ready`` is high exactly while nothing is under way, every byte of ``o`` was taken, and
        what was written is in memory. READ and WRITE take at most 1024 bytes.
    i : :py:`In(stream.Signature(8))`
        Bytes to write.
    o : :py:`Out(stream.Signature(8))`
        Bytes read, or the four bytes of zlib's CRC-32, little-endian.
    memory : :py:`Out(BurstSignature(...))`
        The memory.

    Raises
    ------
    ValueError
        If a beat is not a power of two of bytes, 1 to 64.
    """

    def __init__(self, *, beat_bytes, addr_width):
        if beat_bytes < 1 or beat_bytes > 64 or beat_bytes & (beat_bytes - 1):
            raise ValueError(f"Beat must be a power of two of bytes, 1 to 64, not {beat_bytes!r}")
        self.beat_bytes = beat_bytes
        self.addr_width = addr_width
        super().__init__({
            "command": In(stream.Signature(MemoryCommand(beat_bytes, addr_width))),
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(8)),
            "memory": Out(BurstSignature(beat_bytes=beat_bytes, addr_width=addr_width)),
        })

    def elaborate(self, platform):
        m = Module()

        # A command runs in pieces of a frame's data, so that other initiators wait no longer for a
        # sum: whole ones first, which leave the lower bits of the address as they are.
        longest_bits = exact_log2(DATA_MAX // self.beat_bytes)
        action = Signal(MemoryAction)
        addr = Signal(self.addr_width)
        wholes = Signal(range(CRC_MAX // DATA_MAX + 1))
        rest = Signal(longest_bits)
        whole = Signal()
        beats = Signal(longest_bits + 1)  # of the piece, found in a clock of its own
        m.d.sync += beats.eq(Mux(whole, 1 << longest_bits, rest))
        burst, wdata, rdata = self.memory.burst, self.memory.wdata, self.memory.rdata
        m.d.comb += [
            whole.eq(wholes != 0),
            burst.p.addr.eq(addr),
            burst.p.beats.eq(beats),
            burst.p.write.eq(action == MemoryAction.WRITE),
        ]

        # Beats of the piece that were moved, and two: so `last_beat` says in time that only one is
        # left. A piece has two or more. That all were moved is seen a clock later.
        moved = Signal(longest_bits + 1, init=2)
        moves = Signal()
        last_beat, complete = Signal(), Signal()
        reading, writing = Signal(), Signal()
        with m.If(moves):
            m.d.sync += [moved.eq(moved + 1), last_beat.eq(moved == burst.p.beats)]
        with m.If(moves & last_beat):
            m.d.sync += [reading.eq(0), writing.eq(0)]
        m.d.sync += complete.eq(moves & last_beat)

        # Bytes to beats, and a beat that waits for the memory.
        lane = Signal(range(self.beat_bytes))
        last_lane = Signal()
        gathered = Signal(8 * self.beat_bytes)
        m.d.comb += last_lane.eq(lane == self.beat_bytes - 1)
        with m.If(wdata.ready):
            m.d.sync += wdata.valid.eq(0)

        # Beats to bytes: for the host, or for the checksum, whose bytes then leave themselves.
        m.submodules.crc = crc = CRC32()
        leaving = Signal(8 * self.beat_bytes)
        here = Signal()
        summing = Signal()
        finishing = Signal()
        sent = Signal(range(4))
        takes = Signal()
        m.d.comb += [
            summing.eq(action == MemoryAction.SUM),
            crc.data.eq(leaving[:8]),
            crc.en.eq(here & summing),
            self.o.payload.eq(Mux(summing, crc.byte, leaving[:8])),
            self.o.valid.eq(Mux(summing, finishing, here)),
            takes.eq(here & (summing | self.o.ready)),
            rdata.ready.eq(reading & ~here),
            self.i.ready.eq(writing & (~last_lane | ~wdata.valid)),
            moves.eq((rdata.valid & rdata.ready) | (self.i.valid & self.i.ready & last_lane)),
        ]

        with m.If(takes):
            m.d.sync += [leaving.eq(leaving >> 8), lane.eq(lane + 1)]
            with m.If(last_lane):
                m.d.sync += [lane.eq(0), here.eq(0)]

        # The strobe may come with the last beat or any time later.
        written = Signal()
        with m.If(self.memory.done):
            m.d.sync += written.eq(1)

        with m.FSM():
            with m.State("Take-Command"):
                m.d.comb += [self.command.ready.eq(1), crc.clear.eq(1)]
                m.d.sync += [
                    action.eq(self.command.p.action),
                    addr.eq(self.command.p.addr),
                    Cat(rest, wholes).eq(self.command.p.beats),
                    written.eq(0),
                ]
                with m.If(self.command.valid):
                    m.next = "Find-Piece"

            with m.State("Request-Burst"):
                m.d.comb += burst.valid.eq(1)
                with m.If(burst.ready):
                    m.d.sync += [reading.eq(~burst.p.write), writing.eq(burst.p.write)]
                    m.next = "Read"
                    with m.If(burst.p.write):
                        m.next = "Write"

            with m.State("Read"):
                with m.If(rdata.valid & rdata.ready):
                    m.d.sync += [leaving.eq(rdata.payload), here.eq(1)]
                with m.If(complete):
                    m.next = "Finish-Beat"

            with m.State("Finish-Beat"):
                with m.If(~here):
                    m.next = "Finish-Piece"

            with m.State("Write"):
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += [gathered.eq(Cat(gathered, self.i.payload) >> 8), lane.eq(lane + 1)]
                    with m.If(last_lane):
                        m.d.sync += [wdata.payload.eq(Cat(gathered, self.i.payload) >> 8),
                                     wdata.valid.eq(1), lane.eq(0)]
                with m.If(complete):
                    m.next = "Await-Memory"

            with m.State("Await-Memory"):
                with m.If(written):
                    m.next = "Finish-Piece"

            with m.State("Finish-Piece"):
                m.d.sync += [moved.eq(2), last_beat.eq(0),
                             addr[longest_bits:].eq(addr[longest_bits:] + 1)]
                with m.If(whole):
                    m.d.sync += wholes.eq(wholes - 1)
                with m.Else():
                    m.d.sync += rest.eq(0)
                m.next = "Find-Piece"

            with m.State("Find-Piece"):
                m.next = "Request-Burst"
                with m.If(~whole & (rest == 0)):
                    m.next = "Take-Command"
                    with m.If(summing):
                        m.next = "Send-Sum"

            with m.State("Send-Sum"):
                m.d.comb += finishing.eq(1)
                with m.If(self.o.ready):
                    m.d.comb += crc.shift.eq(1)
                    m.d.sync += sent.eq(sent + 1)
                    with m.If(sent == 3):
                        m.next = "Take-Command"

        return m
