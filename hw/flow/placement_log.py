"""What nextpnr-ecp5 says while it places and routes."""

import re
import time

from .placement import KINDS

__all__ = ["DoesNotFit", "NotRouted", "PlacementLog"]

#: The router is given up when, for so many times as long as packing and placing took, it has not
#: come to fewer wires left. Of 49 placements that were routed one stood still for 1.6 times that,
#: the others for 0.9 at most. Where one does not end, each thousand wires take longer than the
#: thousand before.
PATIENCE = 3


class DoesNotFit(Exception):
    """The design needs more than the device has; ``used`` and ``available`` by kind of cell."""

    def __init__(self, used, available):
        super().__init__(f"needs {used} of {available}")
        self.used = used
        self.available = available


class NotRouted(Exception):
    """The router does not end: ``left`` wires were left, and no longer became fewer."""

    def __init__(self, left):
        super().__init__(f"{left:,} wires are left, and no longer become fewer")
        self.left = left


class PlacementLog:
    """Reads nextpnr's log line by line as it comes.

    Parameters
    ----------
    progress : callable
        Called with what is being done and the share that is, 0 to 1.
    clock : callable
        Returns the time in seconds.

    Raises
    ------
    DoesNotFit
        From a call, where the device is too small.
    NotRouted
        From a call, where the router stands still for :data:`PATIENCE` times as long as packing
        and placing took.
    """

    def __init__(self, progress, *, clock=time.monotonic):
        self._progress, self._clock = progress, clock
        self._used, self._available = {}, {}
        self._begin, self._placing, self._arcs = clock(), None, None
        self._fewest, self._since = None, None

    def __call__(self, line):
        if match := re.match(r"Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", line):
            for kind, cell in KINDS.items():
                if cell == match[1]:
                    self._used[kind], self._available[kind] = int(match[2]), int(match[3])
            if len(self._used) == len(KINDS) and any(
                    self._used[kind] > self._available[kind] for kind in KINDS):
                raise DoesNotFit(self._used, self._available)
        elif line.startswith("Info: Packing"):
            self._begin = self._clock()
            self._progress("packing", 0.02)
        elif match := re.match(r"Info:\s+at iteration #(\d+), type", line):
            self._progress(f"placing, iteration {match[1]}", 0.05 + 0.16 * _share(match[1], 20))
        elif match := re.match(r"Info: iter=(\d+) steplen", line):
            self._progress(f"placing, iteration {match[1]}", 0.05 + 0.16 * _share(match[1], 600))
        elif match := re.match(r"Info:\s+at iteration #(\d+): temp", line):
            self._progress(f"refining, iteration {match[1]}", 0.21 + 0.44 * _share(match[1], 30))
        elif match := re.match(r"Info: Routing (\d+) arcs", line):
            self._arcs = self._fewest = int(match[1])
            self._since = self._clock()
            self._placing = self._since - self._begin
        elif self._arcs and (match := re.match(r"Info:[\d \|]*\|\s*(\d+)\|[\d. ]+\|$", line)):
            self._routed(int(match[1]))

    def _routed(self, left):
        now = self._clock()
        if left < self._fewest:
            self._fewest, self._since = left, now
        elif now - self._since > PATIENCE * self._placing:
            raise NotRouted(left)
        self._progress(f"routing, {left:,} wires left", 0.95 - 0.3 * _share(left, self._arcs))


def _share(part, whole):
    return min(int(part) / whole, 1.0)
