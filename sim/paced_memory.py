"""A memory of which only the rate is known, in place of a controller that is not there yet."""

from itertools import pairwise
from pathlib import Path

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.hw.memory.arbiter import BurstArbiter
from trine.hw.memory.signature import MemorySignature

__all__ = ["SOURCE", "PacedMemory"]

#: The Verilog that :class:`PacedMemory` instantiates.
SOURCE = Path(__file__).with_name("paced_memory.v")


class PacedMemory(wiring.Component):
    """A DRAM by its figures: a beat a clock, but for ``pause`` clocks behind every ``row`` bursts.

    With bursts of 8 beats a beat comes in 93 % of the clocks, about what a LiteDRAM core reaches
    with DDR3 of an ECPIX-5. Neither its refresh nor its banks are simulated.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat.
    size : :class:`int`
        Bytes of the memory, a power of two, more than 1,024 beats.
    burst_beats : :class:`int`
        Beats of a burst, a power of two.

    Members
    -------
    memory : :py:`In(MemorySignature(...))`
        The core.
    violations : :py:`Out(32)`
        Beats read from where nobody had written.

    Attributes
    ----------
    row : :class:`int`
        Bursts without a pause.
    pause : :class:`int`
        Clocks between them without a beat.
    latency : :class:`int`
        Clocks from a burst's begin to its first beat.
    """

    row = 5
    pause = 3
    latency = 12

    def __init__(self, *, beat_bytes, size, burst_beats=8):
        self.beat_bytes = beat_bytes
        self.burst_beats = burst_beats
        self.addr_width = exact_log2(size // beat_bytes)

        super().__init__({
            "memory": In(MemorySignature(beat_bytes=beat_bytes, addr_width=self.addr_width)),
            "violations": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.arbiter = arbiter = BurstArbiter(
            beat_bytes=self.beat_bytes, addr_width=self.addr_width, burst_beats=self.burst_beats)
        connect(m, memory=flipped(self.memory), arbiter=arbiter.memory)

        # Reading and writing exclude each other.
        request = arbiter.request
        beat, bursts = Signal(range(self.burst_beats)), Signal(range(self.row))
        pause = Signal(range(self.pause + 1))
        moves = request.valid & (pause == 0)
        ends = moves & (beat == self.burst_beats - 1)
        reads, writes = moves & ~request.p.write, moves & request.p.write
        m.d.comb += [request.ready.eq(ends), arbiter.stored.ready.eq(writes)]
        m.d.sync += [
            beat.eq(beat + moves),
            arbiter.written.eq(writes & ends & request.p.last),
        ]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(ends):
            m.d.sync += bursts.eq(bursts + 1)
            with m.If(bursts == self.row - 1):
                m.d.sync += [bursts.eq(0), pause.eq(self.pause)]

        data = [Signal(8 * self.beat_bytes, name=f"data_{n}", reset_less=True)
                for n in range(self.latency)]
        m.submodules.chip = Instance(
            "paced_memory",
            p_BEAT_BYTES=self.beat_bytes,
            p_ADDR_BITS=self.addr_width,
            i_clk=ClockSignal(),
            i_addr=Cat(beat, request.p.addr),
            i_read=reads,
            i_write=writes,
            i_data_i=arbiter.stored.payload,
            o_data_o=data[0],
            o_violations=self.violations,
        )
        # Whose the beats are that are on their way.
        here, tape = (Signal(self.latency, name=name) for name in ("here", "tape"))
        m.d.sync += [after.eq(before) for before, after in pairwise(data)]
        m.d.sync += [here.eq(Cat(reads, here)), tape.eq(Cat(request.p.tape, tape))]
        m.d.comb += [
            arbiter.loaded.eq(here[-1]),
            arbiter.beat.tape.eq(tape[-1]),
            arbiter.beat.data.eq(data[-1]),
        ]

        return m
