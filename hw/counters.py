"""Performance counters: 64 bits each, in one memory that a scan keeps up to date."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, connect, flipped

from trine.firmware.registers import Counter

from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["Counters"]


class Counters(wiring.Component):
    """Counts events, at most one a clock for each counter.

    A scan goes round through the counters, two clocks each, and adds to each what happened since
    it last came by. A read waits for the scan, so that both its words are of one moment, and the
    high word is kept for the next read. What is read is at most :attr:`lag` clocks old.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``counters``.
    events : :py:`In(len(Counter))`
        One bit for each :class:`Counter`.

    Memory: 2 * 16 rows of 32 bits in LUT RAM.
    """

    #: Clocks of a round of the scan.
    lag = 2 * len(Counter)

    def __init__(self):
        self._storage = Memory(shape=32, depth=2 * len(Counter), init=[])
        super().__init__({"bus": In(RegisterBus), "events": In(len(Counter))})

    def elaborate(self, platform):
        m = Module()

        m.submodules.storage = storage = self._storage
        read = storage.read_port(domain="comb")
        write = storage.write_port()

        # The scan: low word, then high word with the carry.
        at = Signal(range(2 * len(Counter)))
        high = at[0]
        recent = Array(Signal(range(self.lag + 1), name=f"recent_{c.name.lower()}")
                       for c in Counter)
        carry = Signal()
        total = Signal(33)
        m.d.comb += [
            read.addr.eq(at),
            total.eq(read.data + Mux(high, carry, recent[at[1:]])),
            write.addr.eq(at),
            write.data.eq(total),
            write.en.eq(1),
        ]
        m.d.sync += carry.eq(total[32])
        m.d.sync += at.eq(at + 1)
        with m.If(at == 2 * len(Counter) - 1):
            m.d.sync += at.eq(0)
        for counter in Counter:
            m.d.sync += recent[counter].eq(
                Mux(at == 2 * counter, 0, recent[counter]) + self.events[counter])

        # A read of a low word ends when the scan has passed its high word.
        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)
        low_word, high_word = Signal(32), Signal(32)
        waits, has_low = Signal(), Signal()
        exists = Signal()
        m.d.comb += [
            exists.eq(file.addr < 2 * len(Counter)),
            file.word.eq(Mux(exists, Mux(file.addr[0], high_word, low_word), 0)),
            file.wait.eq(waits | (file.read & exists & ~file.addr[0])),
        ]
        with m.If(file.read & exists & ~file.addr[0]):
            m.d.sync += waits.eq(1)
        with m.If(waits & (at[1:] == file.addr[1:])):
            with m.If(~high):
                m.d.sync += [low_word.eq(total), has_low.eq(1)]
            with m.Elif(has_low):
                m.d.sync += [high_word.eq(total), has_low.eq(0), waits.eq(0)]

        return m
