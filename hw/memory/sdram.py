"""SDR SDRAM controller that keeps a linear stream at the chip's full speed.

Ref: Micron MT48LC16M16A2 data sheet (commands, initialisation, concurrent bank operation).
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from .arbiter import BurstArbiter
from .countdown import Countdown
from .sdram_pins import Command, SDRAMPins, column_pins
from .sdram_timing import SDRAMGeometry, SDRAMTiming
from .signature import MemorySignature

__all__ = ["SDRAMController"]


class SDRAMController(wiring.Component):
    """Controller of one SDR SDRAM chip: bursts of 8, and only refresh interrupts a linear stream.

    Addresses are row, bank, column from the top, so a linear stream walks through the banks. Two
    bursts are under way: while one waits for the data bus with its row open, the bank of the next
    is precharged and activated in the command slots that the running burst leaves free. A refresh
    takes its turn between two bursts: ``rp + rfc + rcd`` clocks, 13 of 781 at 100 MHz. It is due
    every ``refi`` and waits for three bursts at most, with the rows they open.

    tRAS and tRC need no timers: a row is closed only after a burst from it.

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
        })

    @property
    def latency(self):
        """Clocks from a tape command accepted while idle to its first beat, its bank closed."""
        return (BurstArbiter.request_latency + 1 + max(self.cycles.rcd, 2) + self.read_latency
                + BurstArbiter.beat_latency)

    @property
    def read_latency(self):
        """Clocks from the choice of a READ command to its first beat in our register."""
        return self.cycles.cas + 2 + self.pad_latency

    def elaborate(self, platform):
        m = Module()

        cycles, geometry, burst = self.cycles, self.geometry, self.burst_beats

        m.submodules.arbiter = arbiter = BurstArbiter(
            beat_bytes=geometry.beat_bytes, addr_width=geometry.addr_width, burst_beats=burst)
        connect(m, memory=flipped(self.memory), arbiter=arbiter.memory)

        # The request whose bank is made ready, taken apart.
        request = arbiter.request
        burst_bits = geometry.col_bits - 3
        col = request.p.addr[:burst_bits]
        bank = request.p.addr[burst_bits:][:geometry.bank_bits]
        row = request.p.addr[burst_bits + geometry.bank_bits:]

        # The request before it, whose row is open (`ready`) or being opened.
        valid = Signal()
        ready = Signal()
        now = Signal(data.StructLayout({
            "col": col.shape(), "bank": bank.shape(), "write": 1, "tape": 1, "last": 1}))

        # The burst on the data bus. `beat` is the next one; it runs for 8 clocks from `issue`.
        issue = Signal()
        runs = Signal()
        beat = Signal(range(burst))
        running = Signal(data.StructLayout({
            "bank": bank.shape(), "write": 1, "tape": 1, "last": 1}))

        # `wait` runs between the commands of the bank machine, `opening` is tRCD, `turning` keeps
        # written data off the bus while read data leave it, `recovering` is tWR.
        wait = Countdown(m, name="wait", longest=max(
            cycles.rp, cycles.rfc, cycles.mrd, cycles.rrd))
        opening = Countdown(m, name="opening", longest=cycles.rcd)
        turning = Countdown(m, name="turning", longest=burst + cycles.cas + 1)
        recovering = Countdown(m, name="recovering", longest=burst - 1 + cycles.wr)

        # Refresh is due at a fixed rate, however long each one waits.
        initialized = Signal()
        due = Signal()
        due_left = Signal(range(cycles.refi), init=cycles.refi - 1)
        with m.If(due_left == 0):
            m.d.sync += due_left.eq(cycles.refi - 1)
            m.d.sync += due.eq(initialized)
        with m.Else():
            m.d.sync += due_left.eq(due_left - 1)

        # Open rows, and what the request finds in its bank.
        m.submodules.rows = rows = Memory(shape=row.shape(), depth=geometry.banks, init=[])
        rows_read = rows.read_port(domain="comb")
        rows_write = rows.write_port()
        is_open = Signal(geometry.banks)
        hit = Signal()
        closed = Signal()
        m.d.comb += [
            rows_read.addr.eq(bank),
            rows_write.addr.eq(bank),
            rows_write.data.eq(row),
        ]
        m.d.sync += hit.eq(is_open.bit_select(bank, 1) & (rows_read.data == row))
        m.d.sync += closed.eq(~is_open.bit_select(bank, 1))
        in_use = (valid & (now.bank == bank)) | (runs & (running.bank == bank))

        command = Signal(Command, init=Command.DESELECT)
        m.d.sync += command.eq(Command.NOP)

        def pass_on():
            with m.If(~valid):
                m.d.comb += request.ready.eq(1)
                m.d.sync += [
                    valid.eq(1),
                    ready.eq(0),
                    now.col.eq(col),
                    now.bank.eq(bank),
                    now.write.eq(request.p.write),
                    now.tape.eq(request.p.tape),
                    now.last.eq(request.p.last),
                ]
                m.next = "Look"

        def activate():
            # One timer serves every tRCD, so the burst ahead must be through with it.
            with m.If(wait.done & ~issue & (~valid | ready)):
                m.d.comb += rows_write.en.eq(1)
                m.d.sync += is_open.bit_select(bank, 1).eq(1)
                m.d.sync += command.eq(Command.ACTIVATE)
                m.d.sync += self.pins.ba.eq(bank)
                m.d.sync += self.pins.a.eq(row)
                m.d.sync += wait.start(cycles.rrd)
                m.d.sync += opening.start(cycles.rcd)
                m.next = "Pass-On"

        init_left = Signal(range(cycles.init + 1), init=cycles.init)
        refreshes_left = Signal(range(self.timing.init_refreshes + 1),
                                init=self.timing.init_refreshes)
        with m.FSM():
            with m.State("Power-Up"):
                m.d.sync += init_left.eq(init_left - 1)
                with m.If(init_left == 0):
                    m.next = "Precharge-All"
            with m.State("Precharge-All"):
                with m.If(wait.done & ~valid & ~runs & recovering.done):
                    m.d.sync += is_open.eq(0)
                    m.d.sync += command.eq(Command.PRECHARGE)
                    m.d.sync += self.pins.a.eq(1 << 10)
                    m.d.sync += wait.start(cycles.rp)
                    m.next = "Refresh"
            with m.State("Refresh"):
                with m.If(wait.done):
                    m.d.sync += due.eq(0)
                    m.d.sync += command.eq(Command.REFRESH)
                    m.d.sync += wait.start(cycles.rfc)
                    m.d.sync += refreshes_left.eq(refreshes_left - 1)
                    with m.If(initialized):
                        m.next = "Look"
                    with m.Elif(refreshes_left <= 1):
                        m.next = "Load-Mode"
            with m.State("Load-Mode"):
                with m.If(wait.done):
                    m.d.sync += initialized.eq(1)
                    m.d.sync += command.eq(Command.LOAD_MODE)
                    m.d.sync += self.pins.ba.eq(0)
                    m.d.sync += self.pins.a.eq(cycles.cas << 4 | 0b011)  # sequential bursts of 8
                    m.d.sync += self.pins.dqm.eq(0)
                    m.d.sync += wait.start(cycles.mrd)
                    m.next = "Look"
            with m.State("Look"):
                with m.If(due):
                    m.next = "Precharge-All"
                with m.Elif(request.valid):
                    m.next = "Decide"
            with m.State("Decide"):
                with m.If(hit):
                    pass_on()
                with m.Elif(closed):
                    activate()
                with m.Elif(wait.done & ~issue & ~in_use & recovering.done):
                    m.d.sync += command.eq(Command.PRECHARGE)
                    m.d.sync += self.pins.ba.eq(bank)
                    m.d.sync += self.pins.a.eq(0)
                    m.d.sync += wait.start(cycles.rp)
                    m.next = "Activate"
            with m.State("Activate"):
                activate()
            with m.State("Pass-On"):
                pass_on()

        # Onto the data bus as soon as it is free.
        m.d.comb += issue.eq(valid & (ready | opening.done) & ~runs & (~now.write | turning.done))
        with m.If(valid & opening.done):
            m.d.sync += ready.eq(1)
        with m.If(runs):
            m.d.sync += beat.eq(beat + 1)
            m.d.sync += runs.eq(beat != burst - 1)
        with m.If(issue):
            m.d.sync += [
                valid.eq(0),
                runs.eq(1),
                beat.eq(1),
                running.bank.eq(now.bank),
                running.write.eq(now.write),
                running.tape.eq(now.tape),
                running.last.eq(now.last),
                self.pins.ba.eq(now.bank),
                self.pins.a.eq(column_pins(now.col << 3)),
            ]
            with m.If(now.write):
                m.d.sync += command.eq(Command.WRITE)
                m.d.sync += recovering.start(burst - 1 + cycles.wr)
            with m.Else():
                m.d.sync += command.eq(Command.READ)
                m.d.sync += turning.start(burst + cycles.cas + 1)
        m.d.sync += self.pins.cke.eq(1)
        m.d.comb += Cat(self.pins.we_n, self.pins.cas_n, self.pins.ras_n,
                        self.pins.cs_n).eq(command)

        # Data to the chip.
        writes = (issue & now.write) | (runs & running.write)
        m.d.comb += arbiter.stored.ready.eq(writes)
        m.d.sync += self.pins.dq_oe.eq(writes)
        m.d.sync += self.pins.dq_o.eq(arbiter.stored.payload)
        m.d.sync += arbiter.written.eq(
            runs & running.write & running.last & (beat == burst - 1))

        # Data from the chip: two flags travel along with them.
        reads = (issue & ~now.write) | (runs & ~running.write)
        tape = Mux(issue, now.tape, running.tape)
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
