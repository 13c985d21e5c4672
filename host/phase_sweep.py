"""Phase sweep: at which phases of its clock the memory works, found on the board itself."""

from dataclasses import dataclass

from trine.firmware.registers import MEMORY_TEST_ERRORS, MemoryTestMode

from .board import BoardError
from .memory_check import pattern_seed, run_pass

__all__ = ["PhaseSweep", "sweep"]

#: How a phase is drawn: no wrong beat, some, most.
_GOOD, _EDGE, _BAD = ".~x"
#: Questions about the phase after which it is taken for stuck: a period takes microseconds.
_PATIENCE = 1000


@dataclass(frozen=True)
class PhaseSweep:
    """What a sweep found; phases are in steps later than built, modulo ``steps``.

    steps : steps of a period; built : step at which the gateware was built; present : phase before
    and after the sweep; errors : wrong beats at each phase, from 0 on; size, beats : bytes tested
    at each, and how many beats were read for that; clock_hz : frequency of the clock
    """

    steps: int
    built: int
    present: int
    errors: tuple
    size: int
    beats: int
    clock_hz: int

    @property
    def window(self):
        """First and last phase of the longest stretch without a wrong beat, or None.

        The first may be negative, so that the stretch holds a phase near the built one.
        """
        good = [not errors for errors in self.errors]
        if all(good):
            return -(self.steps // 2), self.steps - self.steps // 2 - 1
        best = None
        for first in range(self.steps):
            length = 0
            while good[(first + length) % self.steps]:
                length += 1
            if length and (best is None or length > best[1] - best[0] + 1):
                best = first, first + length - 1
        if best is None:
            return None
        shift = self.steps if sum(best) >= self.steps else 0
        return best[0] - shift, best[1] - shift

    @property
    def centre(self):
        """Phase in the middle of the window."""
        first, last = self.window
        return (first + last) / 2

    @property
    def off_centre(self):
        """How much later than the centre the present phase is, in steps, half a period at most."""
        half = self.steps / 2
        return (self.present - self.centre + half) % self.steps - half

    @property
    def far(self):
        """Whether the present phase is nearer to the window's end than to its centre."""
        first, last = self.window
        return abs(self.off_centre) > (last - first + 1) / 4

    def degrees(self, phase):
        """Return by how many degrees the memory's clock lags at a phase, 0 to 360."""
        return (self.built + phase) % self.steps * 360 / self.steps

    def nanoseconds(self, phase):
        """Return the same as a time."""
        return self.degrees(phase) / 360 * 1e9 / self.clock_hz

    def as_dict(self):
        """Return the result for ``--json``."""
        result = {"steps": self.steps, "bytes": self.size,
                  "errors": [self.errors[(n - self.built) % self.steps] for n in range(self.steps)],
                  "built_degrees": self.degrees(0), "present_degrees": self.degrees(self.present),
                  "window_degrees": None, "centre_degrees": None}
        if self.window:
            result["window_degrees"] = [self.degrees(phase) for phase in self.window]
            result["centre_degrees"] = self.degrees(self.centre)
        return result

    def lines(self):
        """Yield the picture of the sweep, line by line, and what it means."""
        period = 1e9 / self.clock_hz
        order = [(n - self.built) % self.steps for n in range(self.steps)]
        yield (f"Phase of the memory's clock: {self.steps} steps of {360 / self.steps:g} degrees "
               f"({period / self.steps:.3f} ns), from 0 to 360 degrees ({period:.2f} ns)")
        most = min(MEMORY_TEST_ERRORS, self.beats // 2)
        yield "  " + "".join(_BAD if errors >= most else _EDGE if errors else _GOOD
                             for errors in (self.errors[phase] for phase in order))
        marks = [" "] * self.steps
        if self.window:
            marks[round(self.built + self.centre) % self.steps] = "C"
        marks[(self.built + self.present) % self.steps] = "P"
        yield "  " + "".join(marks).rstrip()
        yield (f"  {_GOOD} no wrong beat in {self.size / (1 << 20):g} MB   {_EDGE} some   "
               f"{_BAD} most   P present phase   C centre of the window")
        if not self.window:
            yield ("The memory works at no phase; build for a slower clock, or look for a fault of "
                   "the board")
            return
        first, last = self.window

        def place(phase):
            return f"{self.degrees(phase):.1f} degrees ({self.nanoseconds(phase):.2f} ns)"

        yield f"It works from {place(first)} to {place(last)}; the centre is {place(self.centre)}."
        if self.far:
            yield (f"The present phase, {self.degrees(self.present):.1f} degrees, is far from it; "
                   f"build with `trine build --phase {self.degrees(self.centre):.0f}`")
        else:
            yield f"The present phase, {self.degrees(self.present):.1f} degrees, is near it."


def _shift(board, phase):
    """Take the memory's clock to a phase."""
    board.write("PHASE_TARGET", phase)
    for _ in range(_PATIENCE):
        if board.read("PHASE") == phase:
            return
    raise BoardError("The phase of the memory's clock does not move; program the board anew")


def sweep(board, size, progress=None):
    """Test ``size`` bytes at each phase, restore the one found, and return :class:`PhaseSweep`.

    progress : called with the number of phases done; what memory holds is lost
    """
    steps, built = board.read("PHASE_STEPS"), board.read("PHASE_BUILT")
    if not steps:
        raise BoardError(f"The phase of the memory's clock on {board.transport.name} cannot be "
                         "shifted; only boards with an SDRAM can be swept")
    present = board.read("PHASE")
    found = []
    try:
        for n in range(steps):
            _shift(board, (present + n) % steps)
            total = 0
            for invert in (MemoryTestMode(0), MemoryTestMode.INVERT):
                mode = MemoryTestMode.WRITE | MemoryTestMode.READ | invert
                # What an earlier phase left behind must not pass.
                total += run_pass(board, mode, 0, size, pattern_seed(n))[0]
            found.append(min(total, MEMORY_TEST_ERRORS))
            if progress:
                progress(1)
    finally:
        # What was interrupted may have left the connection out of step.
        board.connection.hello()
        _shift(board, present)
    errors = tuple(found[(n - present) % steps] for n in range(steps))
    return PhaseSweep(steps=steps, built=built, present=present, errors=errors, size=size,
                      beats=2 * size // board.config.memory_bytes,
                      clock_hz=board.config.clock_hz)
