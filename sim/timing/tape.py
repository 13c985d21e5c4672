"""When the tape's bytes are there: arbiter, reader's FIFO and gearbox between memory and sequencer.

The memory is followed only as far as the machine asks, so the two need no common clock.
"""

import math
from bisect import bisect_left

import numpy as np

from trine.hw.burst_mux import BurstMux
from trine.hw.fifo import Fifo
from trine.hw.gearbox import Gearbox
from trine.hw.memory.arbiter import BurstArbiter
from trine.hw.skid_buffer import SkidBuffer

__all__ = ["Tape"]

#: Most bursts followed at once, and those followed one by one where something has interfered.
_STRETCH, _ALONE = 256, 4
#: A clock that never comes.
_NEVER = 1 << 62

#: Bursts that the arbiter holds: of the tape, of random reads, and of writes.
_TAPE_BURSTS, _READ_BURSTS, _WRITE_BURSTS = 4, 2, 2
#: Clocks from a burst's last beat written to its choice: mux, skid buffer, and the count.
_HERE = 3
#: Clocks from a beat that leaves the arbiter to the choice of a burst in its room.
_ROOM = 2
#: Words in the FIFO's queue, in the gearbox and before the block RAM, less those that this leaves
#: unused.
_BESIDE = 9
#: Clocks from a word taken to the beat that may come in its place.
_SPACE = 5


class Tape:
    """The tape, played again and again.

    Parameters
    ----------
    config : :class:`Config`
    memory : see :mod:`.memory`
    base, bursts : where the tape lies and how long it is, in bursts
    start : clock in which the memory is given the command

    ``position`` counts the bytes taken since the start, through all plays.
    """

    def __init__(self, config, memory, *, base, bursts, start):
        self.config = config
        self.memory = memory
        self.base, self.bursts = base, bursts
        self.position = 0
        # Bytes taken and when, where the pace changes: interpolated between.
        self._bytes, self._clocks = [0], [start]
        self._mark = 0
        # First beat of each burst offered to the FIFO.
        self._offered = np.zeros(1 << 12, np.int64)
        self._known = 0
        # The command is taken as it is given; the first choice is a clock before its request.
        self._chosen = start + BurstArbiter.request_latency - 1 - 2
        # Bursts that are to be followed one by one.
        self._alone = _ALONE
        self._beats_of_word = config.word_bytes // config.memory_bytes
        self._latency = Fifo.latency + Gearbox.latency

    # What the machine takes.

    def take(self, clock, count):
        """Take ``count`` bytes at once from ``clock`` on; return the clock in which it is done."""
        return self.steps(clock, count, 1)

    def steps(self, clock, count, n_steps, interval=1):
        """Take ``count`` bytes in each of ``n_steps``, a step every ``interval`` clocks.

        Returns the clock of the last step.
        """
        limit = max(1, self.config.fifo_bytes // 2 // count)
        while n_steps > limit:
            clock = self._steps(clock, count, limit, interval) + interval
            n_steps -= limit
        return self._steps(clock, count, n_steps, interval)

    def _steps(self, clock, count, n_steps, interval):
        begin = self.position
        self.position = end = begin + count * n_steps
        last = clock + interval * (n_steps - 1)
        if self._there(end) > clock:
            needed = begin + count * np.arange(1, n_steps + 1)
            late = self._when(needed) - interval * np.arange(n_steps)
            last = max(last, int(late.max()) + interval * (n_steps - 1))
            clock = max(clock, int(late[0]))
        self._bytes += begin, end
        self._clocks += clock - 1, last
        return last

    # What the memory delivers.

    def _beat(self, position):
        """Return the last beat of the word that ends with or behind byte ``position``."""
        return -(-position // self.config.word_bytes) * self._beats_of_word - 1

    def _there(self, position):
        burst, beat = divmod(self._beat(position), self.memory.burst_beats)
        if burst >= self._known:
            self._follow(burst)
        return int(self._offered[burst]) + beat + self._latency

    def _when(self, positions):
        burst, beat = np.divmod(self._beat(positions), self.memory.burst_beats)
        return self._offered[burst] + beat + self._latency

    def _leaving(self, burst):
        """Return how many bytes must have been taken before ``burst`` has room to be chosen."""
        beat = self.memory.burst_beats * (burst + 1 - _TAPE_BURSTS) - 1
        words = beat // self._beats_of_word
        return words * self.config.word_bytes - self.config.fifo_bytes - (
            _BESIDE * self.config.word_bytes)

    def _move_mark(self, leaving):
        marks = self._bytes
        while self._mark < len(marks) - 2 and marks[self._mark + 1] < leaving:
            self._mark += 1

    def _room(self, burst):
        """Return the clock from which a burst may be chosen."""
        leaving = self._leaving(burst)
        if leaving > self.position:
            return _NEVER
        self._move_mark(leaving)
        clock = 0
        if leaving > 0:
            at = self._mark
            low, high = self._bytes[at], self._bytes[at + 1]
            share = min(1, (leaving - low) / (high - low)) if high > low else 1
            clock = math.ceil(self._clocks[at] + share * (self._clocks[at + 1] - self._clocks[at])
                              ) + _SPACE + self._beats_of_word - 1
        if burst >= _TAPE_BURSTS:
            clock = max(clock, int(self._offered[burst - _TAPE_BURSTS])
                        + self.memory.burst_beats - 1)
        return clock + _ROOM

    def _rooms(self, first, count, clock):
        """Return the clocks from which the bursts from ``first`` on may be chosen.

        Those before ``clock`` don't matter.
        """
        leaving = self._leaving(first), self._leaving(first + count - 1)
        self._move_mark(leaving[0])
        at = self._mark
        space = _SPACE + self._beats_of_word - 1 + _ROOM
        if leaving[1] <= self._bytes[at] and self._clocks[at] + space <= clock:
            return np.full(count, clock)
        end = bisect_left(self._bytes, leaving[1], at + 1) + 1
        taken = np.interp(self._leaving(np.arange(first, first + count)), self._bytes[at:end],
                          self._clocks[at:end])
        return np.maximum(np.ceil(taken).astype(np.int64) + space, clock)

    def _grow(self, burst):
        while burst >= len(self._offered):
            self._offered = np.concatenate([self._offered, np.zeros_like(self._offered)])

    def _follow(self, burst):
        """Follow the memory until it has delivered ``burst``."""
        while self._known <= burst:
            at = self._known % self.bursts
            # As far ahead as the room is known.
            ahead = self._known
            count = min(_STRETCH, self.bursts - at)
            while count >= 4 and self._leaving(ahead + count - 1) > self.position:
                count = min(count // 2, burst + 1 - ahead) if count > burst + 1 - ahead else 0
            if self._alone or count < 4:
                self._one()
                continue
            chosen = self._rooms(ahead, count, max(self._chosen + 2, self.memory.taken))
            starts = self.memory.stretch(chosen, self.base + at)
            known = ahead + len(starts)
            self._grow(known)
            self._offered[ahead:known] = starts + self.memory.offered
            self._known = known
            if len(starts):
                # The next one is chosen when the last one is taken, at the earliest.
                self._chosen = self.memory.taken - 2
            if len(starts) < count or known % self.bursts == 0:
                self._alone = _ALONE

    def _choice(self):
        """Return the clock in which the next burst of the tape is chosen if nothing else is."""
        return max(self._chosen + 2, self.memory.taken, self._room(self._known))

    def _one(self):
        self._chosen = self._choice()
        start = self.memory.burst(self._chosen + 1, self.base + self._known % self.bursts)
        self._grow(self._known)
        self._offered[self._known] = start + self.memory.offered
        self._known += 1
        self._alone = max(self._alone - 1, 0)
        if self._known % self.bursts == 0:
            self._alone = _ALONE

    def _random(self, asked, addr, write):
        """Return the start of a random burst that may be chosen from ``asked`` on."""
        while self._choice() < max(asked, self.memory.taken, self._chosen + 2):
            self._one()
        self._chosen = max(self._chosen + 2, self.memory.taken, asked)
        self._alone = _ALONE
        return self.memory.burst(self._chosen + 1, addr, write)

    def load(self, clock, addr, count, taken):
        """Read ``count`` bursts from burst address ``addr`` on, commanded at ``clock``.

        taken : function of the clock from which a beat is there, called for one after another, that
        returns the clock in which it has left the arbiter's skid buffer
        """
        asked = clock + BurstMux.latency
        beats, left = self.memory.burst_beats, []
        for n in range(count):
            room = asked
            if n >= _READ_BURSTS:
                room = max(asked, left[beats * (n + 1 - _READ_BURSTS) - 1] + _ROOM
                           - SkidBuffer.latency)
            first = self._random(room, addr + n, False) + self.memory.offered + SkidBuffer.latency
            left += [taken(first + beat) for beat in range(beats)]

    def store(self, clock, addr, count, interval):
        """Write ``count`` bursts to burst address ``addr`` on.

        interval : clocks from one beat to the next, the first of which is given at ``clock``.
        Returns the clock in which the last burst is in memory.
        """
        beats, starts = self.memory.burst_beats, []
        for n in range(count):
            if n >= _WRITE_BURSTS:
                clock = max(clock, starts[n - _WRITE_BURSTS] + 1)
            clock += interval * beats
            starts.append(self._random(clock + _HERE, addr + n, True))
        return starts[-1] + beats
