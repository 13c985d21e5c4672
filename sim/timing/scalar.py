"""When the scalar unit finishes what: its queue, its registers, its one read port."""

from math import isqrt

from trine.firmware.isa import N_SCALARS, Opcode
from trine.hw.scalar_command import ScalarOp
from trine.hw.scalar_unit import ScalarUnit
from trine.hw.scoreboard import Scoreboard

__all__ = ["ScalarTimeline", "normalizing", "operation"]

_OF_CONSTANT = (Opcode.SCALAR_SET, Opcode.SCALAR_MULTIPLY_CONSTANT, Opcode.SCALAR_ADD_CONSTANT)
_OF_QUOTIENTS = (Opcode.SCALAR_RECIP, Opcode.SCALAR_RSQRT)
_OF_SUMS = (Opcode.SCALAR_SET, Opcode.SCALAR_ADD, Opcode.SCALAR_ADD_CONSTANT)


def normalizing(value, bits=80):
    """Return the clocks from an integer to its scalar (``hw/normalizer.py``).

    value : int of ``bits`` bits, at the top of the normalizer's
    """
    if not value:
        return 12
    zeros = bits - value.bit_length()
    if not zeros:
        return 1
    eights, ones = divmod(zeros - 1, 8)
    return 2 + eights + ones


def operation(opcode, a=None, b=None):
    """Return the clocks of a scalar instruction on one slot.

    a, b : operands (m, e) as :mod:`trine.sim.golden.scalar` has them, ``b`` a constant or a
    register; without them the usual ones: a product, sum or quotient that is normalised by one
    place (a product or a sum may also need none)
    """
    clocks = ScalarUnit.intervals[ScalarOp(opcode)]
    if a is None:
        return clocks + 1 - (opcode == Opcode.SCALAR_SET)
    if opcode in _OF_SUMS:
        if b[1] >= a[1]:
            clocks -= 1
            a, b = b, a
        gap = a[1] - b[1]
        result = a[0] + (0 if gap > 30 else b[0] >> gap)
    elif opcode == Opcode.SCALAR_RECIP:
        result = (1 << 61) // (a[0] or 1 << 30)
    elif opcode == Opcode.SCALAR_RSQRT:
        m, e = a if a[0] else (1 << 30, -30)
        result = isqrt((1 << 92) // (m << (e & 1)))
    else:
        result = a[0] * b[0] >> 30
    return clocks + normalizing(result, 32) - 1


class ScalarTimeline:
    """What the scalar unit does, command by command. Times are clocks of the run."""

    def __init__(self):
        self._free = 0              # `Fetch` is entered
        self._ready = [0] * N_SCALARS
        self._ends = []             # of the commands that may still be queued
        self._reads = set()         # clocks in which the read port is not the vector engine's
        self._writes = set()
        self.busy = 0

    def accepts(self, clock):
        """Return the first clock from ``clock`` on in which a command is taken."""
        self._ends = [end for end in self._ends if end >= clock]
        if len(self._ends) >= ScalarUnit.depth:
            clock = max(clock, self._ends[-ScalarUnit.depth] + 1)
        while clock in self._writes:
            clock += 1
        return clock

    def put(self, clock, opcode, register, clocks):
        """Queue a command in ``clock``.

        clocks : those of each slot; None for one that takes no part
        """
        fetch = max(clock + 1, self._free)
        self._reads.add(fetch)
        at = fetch + ScalarUnit.fetch_time
        end = at
        reads = 3 if opcode in _OF_QUOTIENTS else 4
        for duration in clocks:
            if duration is None:
                self._reads.add(at)
                end, at = at, at + 1
                continue
            self._reads.update(range(at, at + reads))
            at += duration
            end = at - 1
            self._writes.add(end)
        self._free = at
        self.busy += at - clock - 1
        self._ends.append(end)
        # The command's place is cleared, then compared with the register that is asked for.
        self._ready[register] = end + 1 + Scoreboard.latency

    def statistic(self, clock, register, clocks):
        """Take the statistics of all slots, offered from ``clock`` on; return the last one's.

        clocks : normalising of each slot's
        """
        for n_clocks in clocks:
            # `Fetch` says a clock late that the queue is empty.
            taken = max(clock, self._free + 1)
            end = taken + n_clocks + 1
            self._writes.add(end)
            self._free = end + 1
            self._ready[register] = end + 1 + Scoreboard.latency
            clock = taken + 1
        return taken

    def read(self, register, clock):
        """Return the first clock from ``clock`` on in which a register is read without a wait."""
        if register:
            clock = max(clock, self._ready[register])
        while clock - ScalarUnit.read_latency in self._reads:
            clock += 1
        return clock

    @property
    def idle(self):
        """Clock from which on the unit is idle."""
        return self._free

    def forget(self, clock):
        """Forget clocks that lie before ``clock``."""
        if len(self._reads) > 4096:
            self._reads = {c for c in self._reads if c >= clock - 8}
            self._writes = {c for c in self._writes if c >= clock - 8}
