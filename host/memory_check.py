"""Tests of the board's memory, carried out on the board, and what their results mean for people.

All of them destroy what the memory holds.
"""

from dataclasses import dataclass

from trine.firmware.registers import (
    MEMORY_TEST_BEATS,
    MEMORY_TEST_ERRORS,
    MemoryTestMode,
    address,
)

from .board import BoardError

__all__ = ["MemoryCheck", "check_addresses", "check_memory", "describe_addresses",
           "pattern_seed", "run_pass"]

#: Bytes tested at once: the board needs some hundredths of a second for them.
_PIECE = 8 << 20
#: The size that a chip has where the gateware was built for twice that: column address bit 9 of an
#: SDRAM of 16 bits is bit 10 of an address in bytes.
_COLUMN_BIT = 10
#: Seconds without an end after which a test has failed: a hundred times what it takes.
_PATIENCE = 10.0
_PAUSE = 1e-4


@dataclass(frozen=True)
class MemoryCheck:
    """What a test found.

    size : bytes tested; passes : how often they were written and read; errors : wrong beats;
    stopped : whether the board stopped counting them; first : byte address of the first one, or
    None; lines : data lines that were wrong, lowest first; seconds : of the device's time, or
    None; beat_bytes : bytes of a beat
    """

    size: int
    passes: int
    errors: int
    stopped: bool
    first: int | None
    lines: tuple
    seconds: float | None
    beat_bytes: int

    @property
    def bytes_per_second(self):
        """Speed of the memory, both directions counted; None where the device knows no time."""
        return 2 * self.passes * self.size / self.seconds if self.seconds else None

    def as_dict(self):
        """Return the result for ``--json``."""
        speed = self.bytes_per_second
        return {"bytes": self.size, "passes": self.passes, "errors": self.errors,
                "first_error": self.first, "wrong_lines": list(self.lines),
                "bytes_per_second": None if speed is None else round(speed)}

    def sentence(self):
        """Return the result in one sentence."""
        speed = self.bytes_per_second
        tested = f"{self.size / (1 << 20):g} MB"
        if not self.errors:
            at = "" if speed is None else f" at {speed / 1e9:.3f} GB/s"
            return f"{tested} of memory, written and read {self.passes} times{at}: no wrong beat"
        count = f"{'At least ' if self.stopped else ''}{self.errors}"
        lines = "all data lines" if len(self.lines) == 8 * self.beat_bytes else (
            "data line " + self.lines[0] if len(self.lines) == 1
            else "data lines " + ", ".join(self.lines))
        return (f"{count} of {self.passes * self.size // self.beat_bytes} beats in "
                f"{tested} of memory are wrong, the first at byte {self.first:#x}, on {lines}; run "
                "`trine selftest --phase-sweep`, or build for a slower clock")


def pattern_seed(number):
    """Return a seed that has nothing to do with those of other numbers."""
    return (0x9E3779B1 * (number + 1) & 0x7FFFFFFF) or 1


def run_pass(board, mode, start, size, seed):
    """Test ``size`` bytes from byte ``start``; return wrong beats, the first one's byte, lines.

    start, size : whole memory test units; seed : of the pattern
    """
    config, connection = board.config, board.connection
    base, beats = start // config.memory_bytes, size // config.memory_bytes
    connection.write(address("MEMORY_TEST_BASE"),
                     [base, (base + beats) % config.memory_beats, seed])
    board.write("MEMORY_TEST_START", int(mode))
    waited = 0.0
    while board.read("MEMORY_TEST_BUSY"):
        if waited > _PATIENCE:
            raise BoardError("The memory test on the board does not end; reset the board and try "
                             "again")
        board.transport.pause(_PAUSE)
        waited += _PAUSE
    errors, first, bits = connection.read(address("MEMORY_TEST_ERRORS"), 3)
    return errors, first * config.memory_bytes, bits


def check_memory(board, size=None, progress=None):
    """Write and read ``size`` bytes, all of memory unless told otherwise, plain and inverted.

    progress : called with the number of bytes written or read
    returns : :class:`MemoryCheck`
    """
    config = board.config
    unit = MEMORY_TEST_BEATS * config.memory_bytes
    size = config.memory_size if size is None else min(config.memory_size, -(-size // unit) * unit)
    pieces = [(start, min(_PIECE, size - start)) for start in range(0, size, _PIECE)]
    total, stopped, first, wrong = 0, False, None, 0
    begun = board.transport.now
    for invert in (MemoryTestMode(0), MemoryTestMode.INVERT):
        for mode in (MemoryTestMode.WRITE, MemoryTestMode.READ):
            for number, (start, length) in enumerate(pieces):
                errors, place, bits = run_pass(board, mode | invert, start, length,
                                               pattern_seed(number))
                if errors:
                    first = place if first is None else min(first, place)
                total += errors
                stopped |= errors == MEMORY_TEST_ERRORS
                wrong |= bits
                if progress:
                    progress(length)
    lines = tuple(f"DQ{n}" for n in range(32) if wrong >> n & 1)
    return MemoryCheck(size=size, passes=2, errors=total, stopped=stopped, first=first, lines=lines,
                       seconds=None if begun is None else board.transport.now - begun,
                       beat_bytes=config.memory_bytes)


def check_addresses(board):
    """Return the bits of a byte address that the memory ignores, lowest first.

    A burst at 0 and at each power of two: where a bit is ignored, two of them are the same.
    """
    config, connection = board.config, board.connection
    places = [0]
    while (place := config.burst_bytes << len(places) - 1) < config.memory_size:
        places.append(place)
    for number, place in reversed([*enumerate(places)]):
        connection.memory_write(place, bytes((number + 1,)) * config.burst_bytes)
    return [place.bit_length() - 1 for place in places[1:]
            if connection.memory_read(place, config.burst_bytes)[0] == 1]


def describe_addresses(board, ignored):
    """Return a sentence on the ignored address bits."""
    size = board.config.memory_size
    if ignored == [_COLUMN_BIT]:
        return (f"The memory chip has {size >> 21} MB, and the gateware was built for "
                f"{size >> 20} MB; build it for {size >> 21} MB")
    bits = ", ".join(map(str, ignored))
    return (f"The memory does not tell addresses apart that differ in bit {bits}: it is smaller "
            "than the gateware was built for, or an address line is broken")
