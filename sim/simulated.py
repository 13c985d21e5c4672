"""The simulated board: the gateware, cycle by cycle, behind a pipe of bytes."""

import ctypes
import time
from pathlib import Path

import numpy as np

__all__ = ["HARNESS", "SimulatedBoard"]

#: The C++ that drives a Verilated ``simulated_board``; for :func:`trine.sim.verilator.build`.
HARNESS = Path(__file__).with_name("board_harness.cpp")
#: Cycles in one call of C++: a fraction of a second, so that Ctrl-C is seen.
CHUNK = 1 << 17
FOREVER = (1 << 64) - 1


def load(library):
    """Load a library built around :data:`HARNESS` and declare its functions."""
    functions = ctypes.CDLL(str(library))
    board, count, data = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p
    for name, result, *arguments in [
        ("create", board),
        ("destroy", None, board),
        ("write", None, board, data, count),
        ("read", count, board, data, count),
        ("available", count, board),
        ("pending", count, board),
        ("run", count, board, count, count),
        ("cycles", count, board),
        ("violations", ctypes.c_uint32, board),
        ("load", ctypes.c_bool, board, data, count),
        ("record", None, board, ctypes.c_bool),
        ("recorded", count, board),
        ("record_data", ctypes.POINTER(count), board),
        ("trace_open", ctypes.c_bool, board, data, count, count),
        ("trace_close", None, board),
        ("can_trace", ctypes.c_bool),
    ]:
        function = getattr(functions, f"board_{name}")
        function.restype, function.argtypes = result, arguments
    return functions


class SimulatedBoard:
    """A board that exists only in a shared library.

    Time passes only in :meth:`run` and :meth:`read`. No Python runs in a cycle.

    Parameters
    ----------
    library : path
        Made by :func:`trine.sim.verilator.build` from a module ``simulated_board`` and
        :data:`HARNESS`.
    """

    def __init__(self, library):
        self._functions = load(library)
        self._board = self._functions.board_create()
        #: Wall-clock seconds spent in simulation.
        self.seconds = 0.0

    def _call(self, name, *arguments):
        if self._board is None:
            raise ValueError("The simulated board is closed.")
        return getattr(self._functions, f"board_{name}")(self._board, *arguments)

    def write(self, data):
        """Queue bytes for the board, which takes at most one a cycle."""
        self._call("write", bytes(data), len(data))

    def read(self, count, *, max_cycles):
        """Run until ``count`` bytes have come, and take them; fewer after ``max_cycles``."""
        self.run(max_cycles, until_available=count)
        buffer = ctypes.create_string_buffer(min(count, self.available))
        taken = self._call("read", buffer, len(buffer))
        return buffer.raw[:taken]

    def run(self, cycles, *, until_available=FOREVER):
        """Run for ``cycles``, or until that many bytes wait to be read; return the cycles run."""
        start, started = self.cycles, time.perf_counter()
        try:
            while (left := cycles - (self.cycles - start)) > 0:
                chunk = min(left, CHUNK)
                if self._call("run", chunk, until_available) < chunk:
                    break
        finally:
            self.seconds += time.perf_counter() - started
        return self.cycles - start

    @property
    def available(self):
        """Bytes that the board sent and nobody read."""
        return self._call("available")

    @property
    def pending(self):
        """Bytes written that the board has not accepted yet."""
        return self._call("pending")

    @property
    def cycles(self):
        """Clock cycles since the board was made."""
        return self._call("cycles")

    @property
    def violations(self):
        """SDRAM timings violated so far, and reads of rows never written."""
        return self._call("violations")

    @property
    def cycles_per_second(self):
        """Speed of the simulation so far."""
        return self.cycles / self.seconds if self.seconds else 0.0

    def load(self, data):
        """Put ``data`` to the start of the SDRAM chip by the back door; no cycle passes.

        Raises ValueError where the board has no such chip, or one that is too small.
        """
        if not self._call("load", bytes(data), len(data)):
            raise ValueError(f"The simulated board has no SDRAM that holds {len(data)} bytes.")

    def record(self, on=True):
        """Record what the units do in every cycle from now on; without ``on``, stop and forget."""
        self._call("record", on)

    @property
    def recorded(self):
        """The recorded cycles, uint64 (cycles,), each an :class:`~trine.hw.core.Activity`."""
        length = self._call("recorded")
        if not length:
            return np.zeros(0, np.uint64)
        return np.ctypeslib.as_array(self._call("record_data"), (length,)).copy()

    def trace(self, path, *, first=0, last=FOREVER):
        """Write the waveforms of cycles ``first`` to ``last`` into a VCD file.

        Raises
        ------
        ValueError
            If the library was built without ``trace=True``.
        OSError
            If the file cannot be opened.
        """
        if not self._functions.board_can_trace():
            raise ValueError("This simulated board was built without waveforms: "
                             "build it with trace=True.")
        if not self._call("trace_open", str(path).encode(), first, min(last, FOREVER - 1) + 1):
            raise OSError(f"The waveform file {path} cannot be written.")

    def close(self):
        """End the simulation and close its waveforms. May be called again."""
        if self._board is not None:
            self._functions.board_destroy(self._board)
            self._board = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
