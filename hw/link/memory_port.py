"""Memory port: moves bytes of frames to and from memory, and sums memory up."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import CRC_MAX, DATA_MAX

from ..memory.signature import BurstCommand

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

    A byte a clock is read or written, and a beat a clock summed, as far as the memory follows.

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

        command = Signal(MemoryCommand(self.beat_bytes, self.addr_width))
        # Sums go in pieces of a frame's data, so that other initiators wait no longer for them.
        longest = DATA_MAX // self.beat_bytes
        now = Signal(range(longest + 1))
        to_go = Signal(range(longest + 1))
        m.d.comb += now.eq(Mux(command.beats >= longest, longest, command.beats))
        m.d.comb += [
            self.memory.burst.p.addr.eq(command.addr),
            self.memory.burst.p.beats.eq(now),
            self.memory.burst.p.write.eq(command.action == MemoryAction.WRITE),
        ]

        # Bytes to beats, and a beat that waits for the memory.
        lane = Signal(range(max(self.beat_bytes, 4)))
        last_lane = self.beat_bytes - 1
        gathered = Signal(8 * self.beat_bytes)
        whole = Signal(8 * self.beat_bytes)
        m.d.comb += whole.eq(Cat(gathered, self.i.payload) >> 8)
        wdata = self.memory.wdata
        with m.If(wdata.ready):
            m.d.sync += wdata.valid.eq(0)

        # Beats, or the checksum, to bytes.
        leaving = Signal(max(8 * self.beat_bytes, 32))
        bytes_left = Signal(range(max(self.beat_bytes, 4) + 1))
        m.d.comb += [self.o.valid.eq(bytes_left != 0), self.o.payload.eq(leaving[:8])]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [leaving.eq(leaving >> 8), bytes_left.eq(bytes_left - 1)]

        # The checksum takes a beat from a register.
        m.submodules.checksum = checksum = CRC32_ISO_HDLC(8 * self.beat_bytes).create()
        beat = Signal(8 * self.beat_bytes)
        beat_valid = Signal()
        m.d.sync += [beat.eq(self.memory.rdata.payload), beat_valid.eq(0)]
        m.d.comb += [checksum.data.eq(beat), checksum.valid.eq(beat_valid)]

        # The strobe may come with the last beat or any time later.
        written = Signal()
        with m.If(self.memory.done):
            m.d.sync += written.eq(1)

        with m.FSM():
            with m.State("Take-Command"):
                m.d.comb += self.command.ready.eq(1)
                m.d.comb += checksum.start.eq(1)
                m.d.sync += [command.eq(self.command.p), written.eq(0), lane.eq(0)]
                with m.If(self.command.valid):
                    m.next = "Request-Burst"

            with m.State("Request-Burst"):
                m.d.comb += self.memory.burst.valid.eq(1)
                m.d.sync += to_go.eq(now)
                with m.If(self.memory.burst.ready):
                    m.d.sync += command.addr.eq(command.addr + now)
                    m.d.sync += command.beats.eq(command.beats - now)
                    with m.Switch(command.action):
                        with m.Case(MemoryAction.READ):
                            m.next = "Read-Beat"
                        with m.Case(MemoryAction.WRITE):
                            m.next = "Write-Beat"
                        with m.Default():
                            m.next = "Sum-Beat"

            with m.State("Read-Beat"):
                m.d.comb += self.memory.rdata.ready.eq(
                    (bytes_left == 0) | ((bytes_left == 1) & self.o.ready))
                with m.If(self.memory.rdata.valid & self.memory.rdata.ready):
                    m.d.sync += [leaving.eq(self.memory.rdata.payload),
                                 bytes_left.eq(self.beat_bytes), to_go.eq(to_go - 1)]
                    with m.If(to_go == 1):
                        m.next = "Finish-Sending"

            with m.State("Write-Beat"):
                m.d.comb += self.i.ready.eq((lane != last_lane) | wdata.ready | ~wdata.valid)
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += [gathered.eq(whole), lane.eq(lane + 1)]
                    with m.If(lane == last_lane):
                        m.d.sync += [wdata.payload.eq(whole), wdata.valid.eq(1), lane.eq(0),
                                     to_go.eq(to_go - 1)]
                        with m.If(to_go == 1):
                            m.next = "Await-Memory"

            with m.State("Await-Memory"):
                with m.If(written):
                    m.next = "Take-Command"

            with m.State("Sum-Beat"):
                m.d.comb += self.memory.rdata.ready.eq(1)
                with m.If(self.memory.rdata.valid):
                    m.d.sync += [beat_valid.eq(1), to_go.eq(to_go - 1)]
                    with m.If(to_go == 1):
                        m.next = "Request-Burst"
                        with m.If(command.beats == 0):
                            m.next = "Finish-Sum"

            with m.State("Finish-Sum"):
                with m.If(~beat_valid):
                    m.d.sync += [leaving.eq(checksum.crc), bytes_left.eq(4)]
                    m.next = "Finish-Sending"

            with m.State("Finish-Sending"):
                with m.If(bytes_left == 0):
                    m.next = "Take-Command"

        return m
