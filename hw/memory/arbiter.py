"""Choice of the next memory burst: random bursts before the tape, and only what can finish."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from ..skid_buffer import SkidBuffer
from .signature import BURST_BEATS_WIDTH, MemorySignature

__all__ = ["BurstArbiter", "BurstRequest", "ReadBeat"]


class BurstRequest(data.StructLayout):
    """Payload: one burst at address ``addr``, counted in bursts.

    ``tape`` says whose burst it is; ``last`` marks the last one of a random command.
    """

    def __init__(self, addr_width):
        super().__init__({"addr": unsigned(addr_width), "write": unsigned(1),
                          "tape": unsigned(1), "last": unsigned(1)})


class ReadBeat(data.StructLayout):
    """Payload: one beat that was read, for the ``tape`` or for a random read."""

    def __init__(self, width):
        super().__init__({"data": unsigned(width), "tape": unsigned(1)})


class BurstArbiter(wiring.Component):
    """The front of every memory: cuts commands into bursts and holds the data in between.

    Requests one burst at a time, a new one every second clock at most. A burst is requested only
    when its data are here (write) or have room here (read), so the memory behind may run every
    burst to its end at full speed, and no stalled stream ever blocks another.

    From a tape command accepted to its first request offered 3 clocks pass, from a read beat to
    the beat offered 1. The beats wait in LUT RAM: 4 bursts of tape, 2 of each random direction.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat.
    addr_width : :class:`int`
        Bits of a beat address.
    burst_beats : :class:`int`
        Beats of a burst, a power of two.

    Members
    -------
    memory : :py:`In(MemorySignature(...))`
        The core.
    request : :py:`Out(stream.Signature(BurstRequest(...)))`
        Bursts to run, in this order.
    stored : :py:`Out(stream.Signature(8 * beat_bytes))`
        Data of the requested write bursts; valid throughout them.
    loaded : :py:`In(1)`
        Strobe: ``beat`` is the next beat of the requested read bursts.
    beat : :py:`In(ReadBeat(8 * beat_bytes))`
        What was read.
    written : :py:`In(1)`
        Strobe: the last burst of a write command is in the memory.

    Raises
    ------
    ValueError
        If a burst is not a power of two of beats.
    """

    #: Clocks from an accepted tape command to its first request.
    request_latency = 3
    #: Clocks from a loaded beat to the beat offered.
    beat_latency = 1

    def __init__(self, *, beat_bytes, addr_width, burst_beats=8):
        if burst_beats < 2 or burst_beats & (burst_beats - 1):
            raise ValueError(f"Burst must be a power of two of beats, 2 or more, "
                             f"not {burst_beats!r}")
        self.beat_bytes = beat_bytes
        self.addr_width = addr_width
        self.burst_beats = burst_beats

        width = 8 * beat_bytes
        super().__init__({
            "memory": In(MemorySignature(beat_bytes=beat_bytes, addr_width=addr_width)),
            "request": Out(stream.Signature(BurstRequest(addr_width - exact_log2(burst_beats)))),
            "stored": Out(stream.Signature(width)),
            "loaded": In(1),
            "beat": In(ReadBeat(width)),
            "written": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        width = 8 * self.beat_bytes
        burst = self.burst_beats
        shift = exact_log2(burst)
        memory, request = self.memory, self.request

        # Data in between.
        m.submodules.tape_fifo = tape_fifo = fifo.SyncFIFO(width=width, depth=4 * burst)
        m.submodules.read_fifo = read_fifo = fifo.SyncFIFO(width=width, depth=2 * burst)
        m.submodules.write_fifo = write_fifo = fifo.SyncFIFO(width=width, depth=2 * burst)
        connect(m, tape_fifo.r_stream, flipped(memory.data))
        # From here the ways to those who read and write are long.
        m.submodules.read_border = read_border = SkidBuffer(width)
        connect(m, read_fifo.r_stream, read_border.i)
        connect(m, read_border.o, flipped(memory.rdata))
        m.submodules.write_border = write_border = SkidBuffer(width)
        connect(m, write_border.o, write_fifo.w_stream)
        connect(m, write_border.i, flipped(memory.wdata))
        connect(m, write_fifo.r_stream, flipped(self.stored))
        m.d.comb += [
            tape_fifo.w_data.eq(self.beat.data),
            tape_fifo.w_en.eq(self.loaded & self.beat.tape),
            read_fifo.w_data.eq(self.beat.data),
            read_fifo.w_en.eq(self.loaded & ~self.beat.tape),
            memory.done.eq(self.written),
        ]

        # Commands. `left` is the number of bursts beyond the next one; its sign says there is none.
        tape_addr = Signal(self.addr_width - shift)
        tape_left = Signal(signed(self.addr_width + 2 - shift), init=-1)
        next_addr = Signal.like(tape_addr)
        next_left = Signal.like(tape_left)
        next_valid = Signal()
        tape_runs = ~tape_left[-1]
        m.d.comb += memory.tape.ready.eq(~next_valid)
        with m.If(memory.tape.valid & memory.tape.ready):
            m.d.sync += next_addr.eq(memory.tape.p.addr >> shift)
            m.d.sync += next_left.eq((memory.tape.p.beats >> shift) - 1)
            m.d.sync += next_valid.eq(1)
        with m.If(~tape_runs & next_valid):
            m.d.sync += tape_addr.eq(next_addr)
            m.d.sync += tape_left.eq(next_left)
            m.d.sync += next_valid.eq(0)

        burst_addr = Signal(self.addr_width - shift)
        burst_left = Signal(signed(BURST_BEATS_WIDTH + 1 - shift), init=-1)
        burst_write = Signal()
        burst_runs = ~burst_left[-1]
        m.d.comb += memory.burst.ready.eq(~burst_runs)
        with m.If(memory.burst.valid & memory.burst.ready):
            m.d.sync += burst_addr.eq(memory.burst.p.addr >> shift)
            m.d.sync += burst_left.eq((memory.burst.p.beats >> shift) - 1)
            m.d.sync += burst_write.eq(memory.burst.p.write)

        # Beats that no requested burst has claimed: room for reads, data for writes.
        tape_room = Signal(range(4 * burst + 1), init=4 * burst)
        read_room = Signal(range(2 * burst + 1), init=2 * burst)
        write_here = Signal(range(2 * burst + 1))
        tape_ok = tape_runs & ~memory.cancel & tape_room[shift:].any()
        burst_ok = burst_runs & Mux(burst_write, write_here[shift:].any(), read_room[shift:].any())

        # The choice. The beats it claims are counted a clock later, when no choice is made.
        claims_tape = Signal()
        claims_read = Signal()
        claims_write = Signal()
        choose = ~(claims_tape | claims_read | claims_write) & (~request.valid | request.ready)
        choose_burst = Signal()
        choose_tape = Signal()
        m.d.comb += choose_burst.eq(choose & burst_ok)
        m.d.comb += choose_tape.eq(choose & ~burst_ok & tape_ok)
        m.d.sync += [
            claims_tape.eq(choose_tape),
            claims_read.eq(choose_burst & ~burst_write),
            claims_write.eq(choose_burst & burst_write),
        ]
        with m.If(request.ready):
            m.d.sync += request.valid.eq(0)
        with m.If(choose_burst):
            m.d.sync += [
                request.valid.eq(1),
                request.p.addr.eq(burst_addr),
                request.p.write.eq(burst_write),
                request.p.tape.eq(0),
                request.p.last.eq(burst_left == 0),
                burst_addr.eq(burst_addr + 1),
                burst_left.eq(burst_left - 1),
            ]
        with m.If(choose_tape):
            m.d.sync += [
                request.valid.eq(1),
                request.p.addr.eq(tape_addr),
                request.p.write.eq(0),
                request.p.tape.eq(1),
                request.p.last.eq(0),
                tape_addr.eq(tape_addr + 1),
                tape_left.eq(tape_left - 1),
            ]

        # What came or went counts a clock later: there is only more than is known.
        tape_went, read_went, write_came = Signal(), Signal(), Signal()
        m.d.sync += [
            tape_went.eq(tape_fifo.r_en & tape_fifo.r_rdy),
            read_went.eq(read_fifo.r_en & read_fifo.r_rdy),
            write_came.eq(memory.wdata.valid & memory.wdata.ready),
            tape_room.eq(tape_room - Mux(claims_tape, burst, 0) + tape_went),
            read_room.eq(read_room - Mux(claims_read, burst, 0) + read_went),
            write_here.eq(write_here - Mux(claims_write, burst, 0) + write_came),
        ]

        # Last, for it overrules a command taken or started in the same clock.
        with m.If(memory.cancel):
            m.d.sync += tape_left.eq(-1)
            m.d.sync += next_valid.eq(0)
        m.d.comb += memory.idle.eq(~tape_runs & ~next_valid & ~claims_tape & tape_room[-1])

        return m
