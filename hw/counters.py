"""Performance counters: 64 bits each, in one memory that a scan keeps up to date."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.registers import Counter

from .dual_port_ram import DualPortRAM
from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["Counters"]


class Counters(wiring.Component):
    """Counts events, at most one a clock for each counter but SATURATIONS.

    Each event counts in a few bits of its own, which go round and round. A scan goes through the
    counters, two clocks each, takes those bits for the lowest of the total, and counts up the rest
    where they went over since it last came by. A read waits for the scan, so that both its words
    are of one moment, and the high word is kept for the next read. What is read is at most
    :attr:`lag` clocks old.

    Parameters
    ----------
    saturations : :class:`int`
        The most SATURATIONS of a clock, a power of two.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``counters``.
    events : :py:`In(StructLayout)`
        How many of each :class:`Counter`, by name: one bit, but for SATURATIONS.

    Memory: 2 * 16 rows of 32 bits, one block RAM.
    """

    #: Clocks of a round of the scan.
    lag = 2 * len(Counter)

    def __init__(self, *, saturations=1):
        self.saturations = saturations
        self._storage = DualPortRAM(width=32, depth=2 * len(Counter))
        most = {counter: 1 for counter in Counter} | {Counter.SATURATIONS: saturations}
        super().__init__({"bus": In(RegisterBus), "events": In(data.StructLayout({
            counter.name: range(n + 1) for counter, n in most.items()}))})

    def elaborate(self, platform):
        m = Module()

        m.submodules.storage = storage = self._storage

        # What is new, as many bits as tell a whole round from none.
        recent = [Signal(exact_log2(2 * self.lag * self.saturations),
                         name=f"recent_{c.name.lower()}") for c in Counter]
        for counter in Counter:
            count = self.events[counter.name]
            with m.If(count.any()):
                m.d.sync += recent[counter].eq(recent[counter] + count)

        # The scan: low word, then high word with the carry. Read in stage 0, into a register in
        # stage 1, compared in stage 2, added up in stage 3, written in stage 4.
        at = [Signal(range(2 * len(Counter)), name=f"at_{stage}") for stage in range(5)]
        turn = Signal(len(Counter), init=1)  # the counter of stage 0, one bit each
        m.d.sync += [at[0].eq(at[0] + 1), Cat(at[1:]).eq(Cat(at))]
        with m.If(at[0][0]):
            m.d.sync += turn.eq(turn.rotate_left(1))
        with m.If(at[0] == 2 * len(Counter) - 1):
            m.d.sync += at[0].eq(0)
        m.d.comb += storage.r_addr.eq(at[0])

        # The recent bits in stages 1 to 3. Each counter's have a copy, whose reset input chooses.
        bits = len(recent[0])
        chosen = []
        for counter in Counter:
            copy = Signal(bits, name=f"chosen_{counter.name.lower()}")
            m.d.sync += copy.eq(Mux(turn[counter], recent[counter], 0))
            chosen.append(copy)
        low = [Signal(bits, name=f"low_{stage}") for stage in (2, 3)]
        m.d.sync += [low[0].eq(reduce(or_, chosen)), low[1].eq(low[0])]

        # In the low word ones take the place of what is known, for the carry to go through.
        row = [Signal(32, name=f"row_{stage}") for stage in (2, 3)]
        went_over = Signal()
        m.d.sync += [
            row[0].eq(storage.r_data),
            row[1].eq(row[0]),
            went_over.eq(low[0] < row[0][:bits]),
        ]
        with m.If(~at[2][0]):
            m.d.sync += row[1][:bits].eq(-1)

        high = at[3][0]
        carry = Signal()
        total = Signal(33)
        m.d.comb += total.eq(row[1] + Mux(high, carry, went_over))
        m.d.sync += [
            carry.eq(total[32]),
            storage.w_data.eq(Cat(Mux(high, total[:bits], low[1]), total[bits:32])),
        ]
        m.d.comb += [storage.w_addr.eq(at[4]), storage.w_en.eq(1)]

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
        with m.If(waits & (at[4][1:] == file.addr[1:])):
            with m.If(~at[4][0]):
                m.d.sync += [low_word.eq(storage.w_data), has_low.eq(1)]
            with m.Elif(has_low):
                m.d.sync += [high_word.eq(storage.w_data), has_low.eq(0), waits.eq(0)]

        return m
