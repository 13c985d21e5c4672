"""Waiting a number of clocks with a one-bit answer."""

from amaranth import *

__all__ = ["Countdown"]


class Countdown:
    """A timer inside another component: ``done`` is a flip-flop, so rules built on it are shallow.

    Make it before the statements that start it.

    Parameters
    ----------
    m : :class:`Module`
        Where it counts.
    longest : :class:`int`
        Largest number of clocks it will be started with.
    name : :class:`str`
        Prefix of its signals.
    """

    def __init__(self, m, *, longest, name):
        self.longest = longest
        #: High unless the timer runs.
        self.done = Signal(init=1, name=f"{name}_done")
        self._left = Signal(range(max(2, longest - 1)), name=f"{name}_left")

        with m.If(self._left == 0):
            m.d.sync += self.done.eq(1)
        with m.Else():
            m.d.sync += self._left.eq(self._left - 1)

    def start(self, clocks):
        """Return statements for the sync domain: ``done`` is high again ``clocks`` later.

        A timer of one clock is done at once, and so never started.
        """
        if clocks > self.longest:
            raise ValueError(f"Countdown of at most {self.longest} clocks cannot wait {clocks!r}")
        return [self.done.eq(0), self._left.eq(clocks - 2)] if clocks > 1 else []
