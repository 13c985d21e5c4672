"""SDR SDRAM controller that keeps a linear stream at the chip's full speed.

Ref: Micron MT48LC16M16A2 data sheet (commands, initialisation, concurrent bank operation).
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from .arbiter import BurstArbiter
from .countdown import Countdown
from .sdram_banks import SDRAMBanks
from .sdram_pins import Command, SDRAMPins, column_pins
from .sdram_timing import SDRAMGeometry, SDRAMTiming
from .signature import MemorySignature

__all__ = ["SDRAMController"]


class SDRAMController(wiring.Component):
    """Controller of one SDR SDRAM chip: bursts of 8, and only refresh interrupts a linear stream.

    Addresses are row, bank, column from the top, so a linear stream walks through the banks. Two
    bursts are prepared ahead of the running one, in the command slots that it leaves free
    (:class:`SDRAMBanks`). A refresh costs ``rp + rfc + rcd`` clocks, 13 of 781 at 100 MHz.

    All pins are driven by registers; ``dq_i`` is registered once on arrival.

    Parameters
    ----------
    clock_hz : :class:`int`
        Clock of the ``sync`` domain, and of the chip.
    timing : :class:`SDRAMTiming`
        Timings of the chip.
    geometry : :class:`SDRAMGeometry`
        Shape of the chip.
    pad_latency : :class:`int`
        Clocks that the pads add between a command here and its data, there and back together.

    Members
    -------
    memory : :py:`In(MemorySignature(...))`
        The core.
    pins : :py:`Out(SDRAMPins(geometry))`
        The chip.
    restart : :py:`In(1)`
        Strobe: the chip is given its mode again, as after its clock was in disorder.

    Raises
    ------
    ValueError
        If this controller cannot keep the timings at that clock.
    """

    #: Beats of a burst.
    burst_beats = 8

    def __init__(self, *, clock_hz, timing=None, geometry=None, pad_latency=0):
        self.clock_hz = clock_hz
        self.timing = timing or SDRAMTiming()
        self.geometry = geometry or SDRAMGeometry()
        self.pad_latency = pad_latency
        if clock_hz < 1:
            raise ValueError(f"SDRAM clock must be positive, not {clock_hz!r}")
        if pad_latency < 0:
            raise ValueError(f"Pad latency must be 0 or more, not {pad_latency!r}")
        #: Timings in clocks.
        self.cycles = cycles = self.timing.cycles(clock_hz)
        if cycles.ras > cycles.rcd + self.burst_beats:
            raise ValueError(f"tRAS of {cycles.ras} clocks at {clock_hz} Hz is longer than tRCD "
                             f"and a burst ({cycles.rcd} + {self.burst_beats}); use a slower clock")
        if cycles.rc > cycles.rcd + self.burst_beats + cycles.rp:
            raise ValueError(f"tRC of {cycles.rc} clocks at {clock_hz} Hz is longer than tRCD, a "
                             f"burst and tRP ({cycles.rcd} + {self.burst_beats} + {cycles.rp}); "
                             "use a slower clock")
        if cycles.refi < 8 * self.burst_beats + cycles.rp + cycles.rfc:
            raise ValueError(f"Refresh interval of {cycles.refi} clocks at {clock_hz} Hz leaves no "
                             "time for data; use a faster clock")

        super().__init__({
            "memory": In(MemorySignature(beat_bytes=self.geometry.beat_bytes,
                                         addr_width=self.geometry.addr_width)),
            "pins": Out(SDRAMPins(self.geometry)),
            "restart": In(1),
        })

    @property
    def latency(self):
        """Clocks from a tape command accepted while idle to its first beat, its bank closed."""
        return (BurstArbiter.request_latency + SDRAMBanks.latency + max(self.cycles.rcd, 2)
                + self.read_latency + BurstArbiter.beat_latency)

    @property
    def read_latency(self):
        """Clocks from the choice of a READ command to its first beat in our register."""
        return self.cycles.cas + 2 + self.pad_latency

    def elaborate(self, platform):
        m = Module()

        cycles, burst = self.cycles, self.burst_beats

        m.submodules.arbiter = arbiter = BurstArbiter(
            beat_bytes=self.geometry.beat_bytes, addr_width=self.geometry.addr_width,
            burst_beats=burst)
        m.submodules.banks = banks = SDRAMBanks(
            cycles=cycles, init_refreshes=self.timing.init_refreshes, geometry=self.geometry,
            burst_beats=burst)
        connect(m, memory=flipped(self.memory), arbiter=arbiter.memory)
        connect(m, arbiter=arbiter.request, banks=banks.request)

        # The data bus: a burst runs for 8 clocks from its transfer, and `beat` is its next one.
        # `turning` keeps written data off the bus while read data leave it, `recovering` is tWR.
        new = banks.burst
        issue = new.valid & new.ready
        runs = Signal()
        beat = Signal(range(burst))
        running = Signal(new.payload.shape())
        turning = Countdown(m, name="turning", longest=burst + cycles.cas + 1)
        recovering = Countdown(m, name="recovering", longest=burst - 1 + cycles.wr)
        m.d.comb += [
            new.ready.eq(~runs & (~new.p.write | turning.done)),
            banks.restart.eq(self.restart),
            banks.running.eq(runs),
            banks.running_bank.eq(running.bank),
            banks.recovered.eq(recovering.done),
        ]
        with m.If(runs):
            m.d.sync += beat.eq(beat + 1)
            m.d.sync += runs.eq(beat != burst - 1)
        with m.If(issue):
            m.d.sync += runs.eq(1)
            m.d.sync += beat.eq(1)
            m.d.sync += running.eq(new.payload)
            with m.If(new.p.write):
                m.d.sync += recovering.start(burst - 1 + cycles.wr)
            with m.Else():
                m.d.sync += turning.start(burst + cycles.cas + 1)

        # Commands.
        command = Signal(Command, init=Command.DESELECT)
        m.d.comb += Cat(self.pins.we_n, self.pins.cas_n, self.pins.ras_n,
                        self.pins.cs_n).eq(command)
        m.d.sync += [
            self.pins.cke.eq(1),
            self.pins.dqm.eq(Mux(banks.initialized, 0, ~0)),
            command.eq(banks.command),
            self.pins.ba.eq(banks.ba),
            self.pins.a.eq(banks.a),
        ]
        with m.If(issue):
            m.d.sync += [
                command.eq(Mux(new.p.write, Command.WRITE, Command.READ)),
                self.pins.ba.eq(new.p.bank),
                self.pins.a.eq(column_pins(new.p.col)),
            ]

        # Data to the chip.
        writes = Mux(runs, running.write, issue & new.p.write)
        m.d.comb += arbiter.stored.ready.eq(writes)
        m.d.sync += self.pins.dq_oe.eq(writes)
        m.d.sync += self.pins.dq_o.eq(arbiter.stored.payload)
        m.d.sync += arbiter.written.eq(
            runs & running.write & running.last & (beat == burst - 1))

        # Data from the chip: two flags travel along with them.
        reads = Mux(runs, ~running.write, issue & ~new.p.write)
        tape = Mux(runs, running.tape, new.p.tape)
        reads_later = Signal(self.read_latency)
        tape_later = Signal(self.read_latency)
        m.d.sync += [
            reads_later.eq(Cat(reads, reads_later)),
            tape_later.eq(Cat(tape, tape_later)),
            arbiter.beat.data.eq(self.pins.dq_i),
        ]
        m.d.comb += arbiter.loaded.eq(reads_later[-1])
        m.d.comb += arbiter.beat.tape.eq(tape_later[-1])

        return m
