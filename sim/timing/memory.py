# amaranth: UnusedElaboratable=no
"""When a memory starts the bursts that it is asked for: block RAM, SDRAM, and memories by figures.

Each has ``burst``: one burst of either kind, exactly; and ``stretch``: many of the tape's in a row,
until something comes between. All times are clocks of the run.
"""

import numpy as np

from trine.hw.memory import block_ram
from trine.hw.memory.arbiter import BurstArbiter
from trine.hw.memory.sdram import SDRAMController
from trine.hw.memory.sdram_timing import SDRAMGeometry

from .. import paced_memory

__all__ = ["SDRAM", "BlockRAM", "GivenMemory", "PacedMemory", "memory_of"]


class BlockRAM:
    """On-chip memory: one beat a clock, whatever the address.

    burst_beats : beats of a burst; offered : clocks from a burst's start to its first beat offered
    by the arbiter; taken : clock in which the last request was taken
    """

    def __init__(self, *, burst_beats):
        self.burst_beats = burst_beats
        self.offered = block_ram.BlockRAM.latency - BurstArbiter.request_latency
        self.taken = -1
        self._end = 0

    def burst(self, request, addr, write=False):
        """Return the clock in which a burst starts that is requested from ``request`` on.

        addr : in bursts
        """
        start = max(request, self._end)
        self._end = start + self.burst_beats
        self.taken = self._end - 1
        return start

    def stretch(self, chosen, addr):
        """Return the starts of a row of bursts that may be chosen from the clocks ``chosen`` on.

        addr : address of the first one, in bursts
        """
        index = self.burst_beats * np.arange(len(chosen))
        earliest = np.maximum(chosen + 1, self._end)
        starts = index + np.maximum.accumulate(earliest - index)
        if len(starts):
            self._end = int(starts[-1]) + self.burst_beats
            self.taken = self._end - 1
        return starts


class GivenMemory(BlockRAM):
    """A memory of which only peak and efficiency are known: bursts follow one another evenly.

    efficiency : share of the clocks in which a beat comes; latency : clocks from a request to its
    first beat
    """

    def __init__(self, *, burst_beats, efficiency=1.0, latency=20):
        super().__init__(burst_beats=burst_beats)
        self.offered = latency + BurstArbiter.beat_latency
        self.efficiency = efficiency
        self._late = 0.0

    def burst(self, request, addr, write=False):
        """Return the clock in which a burst starts, see :class:`BlockRAM`."""
        start = super().burst(request, addr, write)
        self._late += self.burst_beats * (1 / self.efficiency - 1)
        whole = int(self._late)
        self._late -= whole
        self._end += whole
        return start

    def stretch(self, chosen, addr):
        """Return the starts of a row of bursts, see :class:`BlockRAM`."""
        period = self.burst_beats / self.efficiency
        index = period * np.arange(len(chosen))
        starts = index + np.maximum.accumulate(np.maximum(chosen + 1, self._end) - index)
        if len(starts):
            self._end = int(starts[-1] + period)
            self.taken = self._end - 1
        return starts.astype(np.int64)


class PacedMemory(BlockRAM):
    """The simulated board's memory of which only the rate is known, with its pauses."""

    def __init__(self, *, burst_beats):
        super().__init__(burst_beats=burst_beats)
        model = paced_memory.PacedMemory
        self.offered = model.latency + BurstArbiter.beat_latency
        self._row, self._pause = model.row, model.pause
        self._bursts = 0

    def _ended(self, count):
        before, self._bursts = self._bursts, self._bursts + count
        if self._bursts // self._row > before // self._row and not self._bursts % self._row:
            self._end += self._pause

    def burst(self, request, addr, write=False):
        """Return the clock in which a burst starts, see :class:`BlockRAM`."""
        start = super().burst(request, addr, write)
        self._ended(1)
        return start

    def stretch(self, chosen, addr):
        """Return the starts of a row of bursts, see :class:`BlockRAM`."""
        number = np.arange(len(chosen))
        index = (self.burst_beats * number
                 + self._pause * ((self._bursts % self._row + number) // self._row))
        earliest = np.maximum(chosen + 1, self._end)
        starts = index + np.maximum.accumulate(earliest - index)
        if len(starts):
            self._end = int(starts[-1]) + self.burst_beats
            self.taken = self._end - 1
            self._ended(len(starts))
        return starts


class SDRAM:
    """One SDR SDRAM chip behind :class:`SDRAMController`, its refresh included.

    The rules are those of ``hw/memory/sdram_banks.py``, one burst at a time: `Look` sees a refresh
    that is due or a request, `Decide` finds the row open, closed or another one.

    clock_hz : clock of the chip; due : clock in which the first refresh becomes due
    """

    def __init__(self, *, clock_hz, geometry=None, timing=None, due=None, pad_latency=0):
        self.geometry = geometry or SDRAMGeometry()
        controller = SDRAMController(clock_hz=clock_hz, geometry=self.geometry, timing=timing,
                                     pad_latency=pad_latency)
        self.cycles = controller.cycles
        self.burst_beats = controller.burst_beats
        self.offered = controller.read_latency + BurstArbiter.beat_latency
        self._due = self.cycles.refi // 2 if due is None else due
        self._row_bursts = self.geometry.cols // self.burst_beats
        self._rows = {}             # open row by bank
        self.taken = 0              # the last request was passed on
        self._start = -self.burst_beats     # the last burst began
        self._before = -2 * self.burst_beats
        self._wait = 0              # the last command of a bank is through
        self._turned = 0            # the data bus may turn from reading to writing
        self._recovered = 0         # written data have been there for tWR
        self._opened = 0            # the last burst's row is open
        self._banks = (None, None)  # of the last burst and of the one before it
        self._looks = 0             # `Look` is entered

    def _place(self, addr):
        row_and_bank = addr // self._row_bursts
        return row_and_bank % self.geometry.banks, row_and_bank // self.geometry.banks

    def _refresh(self, request):
        """Carry out the refreshes that come before a request; return when it is seen."""
        cycles = self.cycles
        while self._due <= max(self._looks, request):
            quiet = max(max(self._looks, self._due) + 1, self._start + self.burst_beats,
                        self._wait, self._recovered)
            refresh = quiet + cycles.rp
            self._rows.clear()
            self._wait = refresh + cycles.rfc
            self._looks = refresh + 1
            while self._due <= refresh:
                self._due += cycles.refi
        return max(self._looks, request)

    def _command(self, clock):
        """Return the first clock from ``clock`` on in which a bank may get a command."""
        clock = max(clock, self._wait)
        return clock + 1 if clock == self._start else clock

    def burst(self, request, addr, write=False):
        """Return the clock in which a burst starts, see :class:`BlockRAM`."""
        cycles = self.cycles
        decides = self._refresh(request) + 1
        bank, row = self._place(addr)
        opened = passes = decides
        if self._rows.get(bank) != row:
            activates = decides
            if bank in self._rows:
                # Not while a burst of that bank waits or runs, or written data are young.
                activates = max(activates, self._recovered)
                if self._banks[0] == bank:
                    activates = max(activates, self._start + self.burst_beats)
                elif self._banks[1] == bank:
                    activates = max(activates, self._before + self.burst_beats)
                activates = self._command(activates) + cycles.rp
            # The one timer of tRCD is free once the burst before has its row.
            activates = max(activates, min(self._opened + 1, self._start + 1))
            activates = self._command(activates)
            self._rows[bank] = row
            self._wait = activates + cycles.rrd
            opened, passes = activates + cycles.rcd, activates + 1
        self.taken = passes = max(passes, self._start + 1)
        self._looks = passes + 1
        self._before = self._start
        self._banks = bank, self._banks[0]
        self._start = max(passes + 1, opened, self._start + self.burst_beats)
        if write:
            self._start = max(self._start, self._turned)
            self._recovered = self._start + self.burst_beats - 1 + cycles.wr
        else:
            self._turned = self._start + self.burst_beats + cycles.cas + 1
        self._opened = opened
        return self._start

    def stretch(self, chosen, addr):
        """Return the starts of a row of bursts, see :class:`BlockRAM`; less than all at a refresh.

        The rows of later bursts are opened while earlier ones run, so a row costs time only where
        the bus is idle.
        """
        beats = self.burst_beats
        passed = max(self.taken, 0)
        index = beats * np.arange(len(chosen))
        addrs = addr + np.arange(len(chosen))
        opening = np.where(addrs % self._row_bursts, 0, self.cycles.rp + self.cycles.rcd - 1)
        earliest = np.maximum(chosen + 3 + opening, self._start + beats)
        starts = index + np.maximum.accumulate(earliest - index)
        # A request is seen when the one before it is passed on, as the burst before that starts.
        seen = np.maximum(np.concatenate([[passed + 1, self._start + 2], starts[:-2] + 2]
                                         )[:len(chosen)], chosen + 1)
        count = int(np.searchsorted(seen, self._due))
        if count < 4:
            return starts[:0]
        starts = starts[:count]
        for place in {self._place(int(addrs[n])) for n in (
                *range(0, count, self._row_bursts), count - 1)}:
            self._rows[place[0]] = place[1]
        self._banks = tuple(self._place(int(addrs[n]))[0] for n in (count - 1, count - 2))
        self._before, self._start = int(starts[-2]), int(starts[-1])
        self._turned = self._start + beats + self.cycles.cas + 1
        self.taken = max(self._before + 1, int(chosen[count - 1]) + 2)
        self._looks = self.taken + 1
        self._opened = self._start
        self._wait = min(self._wait, self._start)
        return starts


def memory_of(config, *, due=None):
    """Return the memory that the simulated board gives a configuration."""
    if config.on_chip:
        return BlockRAM(burst_beats=config.burst_beats)
    if config.memory_bytes != 2:
        return PacedMemory(burst_beats=config.burst_beats)
    columns = 512 * max(1, config.memory_size >> 25)
    return SDRAM(clock_hz=config.clock_hz, geometry=SDRAMGeometry(cols=columns), due=due)
