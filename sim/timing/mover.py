"""When the memory mover has loaded or stored a vector."""

from trine.hw.element_loader import ElementLoader
from trine.hw.memory_mover import MemoryMover
from trine.hw.skid_buffer import SkidBuffer

__all__ = ["move"]

#: Clocks of a term of the address beside its factor's bits: Take, Clear, Load, and the last zero.
_TERM = 4
#: Clocks from an address known to the command given to the memory: Choose and Take of the mux.
_REQUEST = 2
#: Clocks from then to the first beat written.
_BEAT = 2


def _address(clock, factors):
    """Return the clock in which the address is known: a bit of each factor a clock."""
    return clock + sum(_TERM + factor.bit_length() for factor in factors)


def move(config, tape, issued, fields, slots, *, write=False):
    """Carry out a LOAD, or a STORE where ``write``.

    issued : clock of the command; slots : for each slot its (token, position), None for one that
    takes no part. Returns the clock of the last element, into the vector engine or out of it, and
    the clock from which the mover is idle.
    """
    halves = fields["length"] << fields.get("wide", 0)
    per_beat = config.memory_bytes // 2
    bursts = -(-2 * halves // config.burst_bytes)
    chunk = MemoryMover.CHUNK // config.burst_beats
    latency = 0 if write else SkidBuffer.latency + ElementLoader.latency

    # Measure, then Find-Slot and Finish-Slot for each.
    clock, last = issued + 2, 0
    for slot, position in enumerate(slots):
        clock += 1
        if position:
            token, position = position
            clock = _address(clock, (1, slot, token, position))
            beat = sum(fields.get(f"{name}_stride", 0) * factor for name, factor in (
                ("slot", slot), ("token", token), ("position", position))) + fields["base"]
            free = 0

            def taken(there):
                """Take the halves of a beat; return when there is room for another one."""
                nonlocal free
                free = max(there + 1, free) + per_beat
                # Two beats can wait.
                return max(there, free - 2 * per_beat)

            for first in range(0, bursts, chunk):
                count = min(chunk, bursts - first)
                if first:
                    clock = _address(free, (1,))
                addr = beat // config.burst_beats + first
                if write:
                    # A beat pauses for a clock.
                    free = tape.store(clock + _REQUEST + _BEAT, addr, count, per_beat + 1)
                else:
                    tape.load(clock + _REQUEST, addr, count, taken)
            # What is loaded behind the last element is dropped.
            last = free - 1 - (bursts * config.burst_bytes // 2 - halves) + latency
            clock = free + 1
        clock += 1
    # Finish-Command, when no element is under way.
    return last, max(clock + 1, last + 2)
