"""The simulated board as a device: bytes in, cycles run, bytes out."""

from trine.sim.board_library import board_library
from trine.sim.simulated import SimulatedBoard

from .links import Transport

__all__ = ["SimulatedTransport"]

#: Cycles within which a reply's next byte follows, at most.
_GAP = 64


class SimulatedTransport(Transport):
    """The simulated board of ``config``: the same gateware, one byte a clock in place of the UART.

    Time on the board passes only while the host waits for it, so seconds are the board's seconds.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        What to build, or take from the cache.
    vcd : path
        File for the waveforms; None for none, which is faster.
    traceable : bool
        Build what can :meth:`trace` at any time.
    progress : callable
        ``progress(text, done, total)``, called while the board is built.
    board
        Further arguments of :class:`trine.sim.board_gateware.BoardGateware`.
    """

    name = "the simulated board"
    # It has just been switched on; its SDRAM reports what is read before it was written.
    keeps_memory = False
    simulated = True

    def __init__(self, config, *, vcd=None, traceable=False, progress=None, **board):
        self._clock_hz = config.clock_hz
        self._board = SimulatedBoard(board_library(
            config, trace=traceable or vcd is not None, progress=progress, **board))
        if vcd is not None:
            self._board.trace(vcd)

    def write(self, data):
        """Queue ``data`` for the board."""
        self._board.write(data)

    def read(self, timeout):
        """Run until something arrives, for ``timeout`` seconds of the board's time at most."""
        board = self._board
        if not board.available:
            board.run(int(timeout * self._clock_hz), until_available=1)
        # What follows at once belongs to the same answer.
        step = _GAP
        while board.available:
            before = board.available
            board.run(step)
            if board.available == before:
                break
            step = min(2 * step, 8 * _GAP)
        return board.read(board.available, max_cycles=0) if board.available else b""

    def pause(self, seconds):
        """Run the board for ``seconds`` of its time."""
        self._board.run(int(seconds * self._clock_hz))

    def trace(self, path, cycles):
        """Run for ``cycles`` and write their waveforms into the file ``path``."""
        first = self._board.cycles
        self._board.trace(path, first=first, last=first + cycles - 1)
        self._board.run(cycles)

    def load(self, data):
        """Put ``data`` to the start of the SDRAM by the back door (:meth:`SimulatedBoard.load`)."""
        self._board.load(data)

    def record(self, on=True):
        """Record what the units do in every cycle from now on; without ``on``, stop and forget."""
        self._board.record(on)

    @property
    def recorded(self):
        """The recorded cycles (:attr:`SimulatedBoard.recorded`)."""
        return self._board.recorded

    def close(self):
        """End the simulation."""
        self._board.close()

    @property
    def now(self):
        """Seconds of the board's time since it was switched on."""
        return self.cycles / self._clock_hz

    @property
    def cycles(self):
        """Cycles simulated so far."""
        return self._board.cycles

    @property
    def violations(self):
        """SDRAM rules violated so far."""
        return self._board.violations
