"""Start-up, refresh and rows of an SDR SDRAM: everything before a burst goes onto the data bus.

Ref: Micron MT48LC16M16A2 data sheet (initialisation, PRECHARGE, ACTIVATE, AUTO REFRESH).
"""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .arbiter import BurstRequest
from .countdown import Countdown
from .sdram_pins import Command

__all__ = ["OpenBurst", "SDRAMBanks"]


class OpenBurst(data.StructLayout):
    """Payload: a burst whose row is open; ``col`` counts columns, the rest is its request's."""

    def __init__(self, geometry):
        super().__init__({
            "col": unsigned(geometry.col_bits), "bank": unsigned(geometry.bank_bits),
            "write": unsigned(1), "tape": unsigned(1), "last": unsigned(1)})


class SDRAMBanks(wiring.Component):
    """Opens the row of every burst while the bursts ahead of it occupy the data bus.

    One burst waits at ``burst`` with its row open, or being opened; the next one's bank is looked
    up, precharged and activated meanwhile, unless it is a bank still in use. Refresh takes its
    turn between two requests, when the data bus is quiet. It is due at a fixed rate, however long
    each one waits: for three bursts at most, with the rows they open.

    tRAS and tRC need no timers: a row is closed only after a burst from it.

    Parameters
    ----------
    cycles : :class:`SDRAMCycles`
        Timings in clocks.
    init_refreshes : :class:`int`
        Refreshes at start-up.
    geometry : :class:`SDRAMGeometry`
        Shape of the chip.
    burst_beats : :class:`int`
        Beats of a burst.

    Members
    -------
    request : :py:`In(stream.Signature(BurstRequest(...)))`
        Bursts in their order.
    burst : :py:`Out(stream.Signature(OpenBurst(geometry)))`
        The same, valid when READ or WRITE may be given; it is given in the clock of the transfer.
    running, running_bank : :py:`In(1)`, :py:`In(bank_bits)`
        A burst is on the data bus, beyond its first beat; its bank.
    recovered : :py:`In(1)`
        No written data are younger than tWR.
    command, ba, a : :py:`Out(Command)`, :py:`Out(bank_bits)`, :py:`Out(addr_pins)`
        Command for the chip; NOP in the clock of a transfer.
    restart : :py:`In(1)`
        Strobe: the chip is given its mode again, before the next request.
    initialized : :py:`Out(1)`
        The chip has its mode.
    """

    #: Clocks from a request offered to ACTIVATE, its bank closed and nothing in the way.
    latency = 1

    def __init__(self, *, cycles, init_refreshes, geometry, burst_beats):
        self.cycles = cycles
        self.init_refreshes = init_refreshes
        self.geometry = geometry
        self.burst_beats = burst_beats

        super().__init__({
            "request": In(stream.Signature(
                BurstRequest(geometry.addr_width - exact_log2(burst_beats)))),
            "burst": Out(stream.Signature(OpenBurst(geometry))),
            "running": In(1),
            "running_bank": In(geometry.bank_bits),
            "recovered": In(1),
            "command": Out(Command),
            "ba": Out(geometry.bank_bits),
            "a": Out(geometry.addr_pins),
            "restart": In(1),
            "initialized": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        cycles, geometry = self.cycles, self.geometry
        request, burst = self.request, self.burst
        shift = exact_log2(self.burst_beats)
        addr = Cat(C(0, shift), request.p.addr)
        col = addr[:geometry.col_bits]
        bank = addr[geometry.col_bits:][:geometry.bank_bits]
        row = addr[geometry.col_bits + geometry.bank_bits:]

        # `wait` runs between our own commands, `opening` is tRCD. One timer serves every tRCD, so
        # no row is opened until the waiting burst is through with it, which `opened` remembers.
        wait = Countdown(m, name="wait", longest=max(
            cycles.rp, cycles.rfc, cycles.mrd, cycles.rrd))
        opening = Countdown(m, name="opening", longest=cycles.rcd)
        waiting = Signal()
        opened = Signal()
        taken = burst.valid & burst.ready
        m.d.comb += burst.valid.eq(waiting & (opened | opening.done))
        with m.If(waiting & opening.done):
            m.d.sync += opened.eq(1)
        with m.If(taken):
            m.d.sync += waiting.eq(0)

        due = Signal()
        due_left = Signal(range(cycles.refi), init=cycles.refi - 1)
        with m.If(due_left == 0):
            m.d.sync += due_left.eq(cycles.refi - 1)
            m.d.sync += due.eq(self.initialized)
        with m.Else():
            m.d.sync += due_left.eq(due_left - 1)

        # Open rows, and what the request finds in its bank.
        m.submodules.rows = rows = Memory(shape=row.shape(), depth=geometry.banks, init=[])
        rows_read = rows.read_port(domain="comb")
        rows_write = rows.write_port()
        is_open = Signal(geometry.banks)
        hit = is_open.bit_select(bank, 1) & (rows_read.data == row)
        closed = Signal()
        m.d.comb += [
            rows_read.addr.eq(bank),
            rows_write.addr.eq(bank),
            rows_write.data.eq(row),
        ]
        m.d.sync += closed.eq(~is_open.bit_select(bank, 1))
        in_use = ((waiting & (burst.p.bank == bank))
                  | (self.running & (self.running_bank == bank)))

        m.d.comb += [self.command.eq(Command.NOP), self.ba.eq(bank), self.a.eq(row)]

        # The request's row is open or about to be: a flip-flop, for much hangs on `ready`.
        passing = Signal()
        m.d.comb += request.ready.eq(passing & ~waiting)

        def pass_on():
            with m.If(~waiting):
                m.d.sync += [
                    passing.eq(0),
                    waiting.eq(1),
                    opened.eq(0),
                    burst.p.col.eq(col),
                    burst.p.bank.eq(bank),
                    burst.p.write.eq(request.p.write),
                    burst.p.tape.eq(request.p.tape),
                    burst.p.last.eq(request.p.last),
                ]
                m.next = "Look"

        def activate():
            with m.If(wait.done & ~taken & (~waiting | opened)):
                m.d.comb += self.command.eq(Command.ACTIVATE)
                m.d.comb += rows_write.en.eq(1)
                m.d.sync += is_open.bit_select(bank, 1).eq(1)
                m.d.sync += wait.start(cycles.rrd)
                m.d.sync += opening.start(cycles.rcd)
                m.d.sync += passing.eq(1)
                m.next = "Pass-On"

        restarting = Signal()
        with m.If(self.restart):
            m.d.sync += restarting.eq(1)

        init_left = Signal(range(cycles.init + 1), init=cycles.init)
        refreshes_left = Signal(range(self.init_refreshes + 1), init=self.init_refreshes)
        with m.FSM():
            with m.State("Power-Up"):
                m.d.sync += init_left.eq(init_left - 1)
                with m.If(init_left == 0):
                    m.next = "Precharge-All"
            with m.State("Precharge-All"):
                with m.If(wait.done & ~waiting & ~self.running & self.recovered):
                    m.d.comb += self.command.eq(Command.PRECHARGE)
                    m.d.comb += self.a.eq(1 << 10)
                    m.d.sync += is_open.eq(0)
                    m.d.sync += wait.start(cycles.rp)
                    m.next = "Refresh"
            with m.State("Refresh"):
                with m.If(wait.done):
                    m.d.comb += self.command.eq(Command.REFRESH)
                    m.d.sync += due.eq(0)
                    m.d.sync += wait.start(cycles.rfc)
                    m.d.sync += refreshes_left.eq(refreshes_left - 1)
                    with m.If(self.initialized):
                        m.next = "Look"
                    with m.Elif(refreshes_left <= 1):
                        m.next = "Load-Mode"
            with m.State("Load-Mode"):
                with m.If(wait.done):
                    m.d.comb += self.command.eq(Command.LOAD_MODE)
                    m.d.comb += self.ba.eq(0)
                    m.d.comb += self.a.eq(cycles.cas << 4 | shift)  # sequential bursts
                    m.d.sync += self.initialized.eq(1)
                    m.d.sync += wait.start(cycles.mrd)
                    m.next = "Look"
            with m.State("Look"):
                with m.If(restarting):
                    m.next = "Restart"
                with m.Elif(due):
                    m.next = "Precharge-All"
                with m.Elif(request.valid):
                    m.d.sync += passing.eq(hit)
                    m.next = "Decide"
            with m.State("Restart"):
                with m.If(~waiting & ~self.running & self.recovered):
                    m.d.sync += [restarting.eq(0), self.initialized.eq(0),
                                 refreshes_left.eq(self.init_refreshes)]
                    m.next = "Precharge-All"
            with m.State("Decide"):
                with m.If(passing):
                    pass_on()
                with m.Elif(closed):
                    activate()
                with m.Elif(wait.done & ~taken & ~in_use & self.recovered):
                    m.d.comb += self.command.eq(Command.PRECHARGE)
                    m.d.comb += self.a.eq(0)
                    m.d.sync += wait.start(cycles.rp)
                    m.next = "Activate"
            with m.State("Activate"):
                activate()
            with m.State("Pass-On"):
                pass_on()

        return m
