"""Ways to reach a device: streams of bytes behind one small interface."""

import abc
import contextlib
import errno
import os
import time
from pathlib import Path

import serial

__all__ = ["BAUD", "DeviceError", "LoopbackTransport", "SerialTransport", "Transport"]

#: Speed of a serial port, in bits a second, where nothing else is said: the FT231X's most.
BAUD = 3_000_000

#: Seconds after which a device that takes no more bytes is given up.
WRITE_TIMEOUT = 5.0


class DeviceError(ConnectionError):
    """The device cannot be reached, or does not behave; the message is one sentence for people."""


class Transport(abc.ABC):
    """A stream of bytes to and from a device.

    Attributes
    ----------
    name : :class:`str`
        What people call it: ``/dev/ttyUSB0``.
    """

    name = "?"
    #: Whether the device's memory may hold what an earlier program wrote.
    keeps_memory = True
    #: Whether a second of the device's takes longer than one.
    simulated = False

    @abc.abstractmethod
    def write(self, data):
        """Send all of ``data``; DeviceError where the device is gone or takes no more."""

    @abc.abstractmethod
    def read(self, timeout):
        """Return what has arrived, as soon as there is anything.

        Empty only if nothing came for ``timeout`` seconds. DeviceError where the device is gone.
        """

    def pause(self, seconds):
        """Let ``seconds`` of the device's time pass between two questions about its state."""
        time.sleep(seconds)

    @property
    def now(self):
        """The device's time in seconds, from any moment on; None where it has none."""
        return time.perf_counter()

    @abc.abstractmethod
    def close(self):
        """Let go of the device; closing twice is no error."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class LoopbackTransport(Transport):
    """A device in the same process: a function from bytes received to bytes sent.

    Parameters
    ----------
    answer : callable
        For example :meth:`trine.sim.link_model.BoardModel.receive`.
    name : :class:`str`
        What people call it.
    """

    simulated = True
    now = None

    def __init__(self, answer, *, name="loopback"):
        self.name = name
        self._answer = answer
        self._waiting = bytearray()

    def write(self, data):
        """Hand ``data`` to the device; its answer waits for :meth:`read`."""
        self._waiting += self._answer(bytes(data))

    def read(self, timeout):
        """Return the answers so far. There is nothing to wait for, so it never does."""
        received, self._waiting = bytes(self._waiting), bytearray()
        return received

    def close(self):
        """Forget the answers."""
        self._waiting.clear()

    def pause(self, seconds):
        """Return at once: this device only works while it is asked."""


class SerialTransport(Transport):
    """A board on a serial port.

    A USB serial chip holds what the board sends back for up to 16 ms. The driver is told to hand it
    on at once; where that is not allowed, :attr:`latency_hint` says what to do.

    Parameters
    ----------
    port : :class:`str`
        The port, such as ``/dev/ttyUSB0`` or ``COM3``.
    baud : :class:`int`
        Bits a second.
    sysfs : :class:`pathlib.Path`
        Where Linux shows its USB serial ports.

    Raises
    ------
    DeviceError
        Where the port is missing, busy, or may not be opened.
    """

    def __init__(self, port, *, baud=BAUD, sysfs=Path("/sys/bus/usb-serial/devices")):
        self.name = port
        try:
            self._serial = serial.Serial(port, baud, write_timeout=WRITE_TIMEOUT,
                                         exclusive=True if os.name == "posix" else None)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError(_why_not(port, baud, error)) from error
        self._timer = sysfs / Path(os.path.realpath(port)).name / "latency_timer"
        self._lower_latency()

    @property
    def latency_hint(self):
        """One sentence on how to lower the USB latency timer, or None where it is low."""
        latency = self._latency()
        if latency is None or latency <= 1:
            return None
        return (f"Answers on {self.name} wait up to {latency} ms in the USB chip; for faster text, "
                f"run: echo 1 | sudo tee {self._timer}")

    def write(self, data):
        """Send all of ``data``."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise DeviceError(f"The device on {self.name} takes no more data") from error
        except (serial.SerialException, OSError) as error:
            raise self._gone() from error

    def read(self, timeout):
        """Return what has arrived."""
        try:
            self._serial.timeout = timeout
            received = self._serial.read(1)
            return received + self._serial.read(self._serial.in_waiting) if received else b""
        except (serial.SerialException, OSError) as error:
            raise self._gone() from error

    def close(self):
        """Close the port."""
        self._serial.close()

    def _gone(self):
        return DeviceError(f"The serial port {self.name} is gone: was the board unplugged?")

    def _latency(self):
        """Return the latency timer in milliseconds, or None where the port has none."""
        try:
            return int(self._timer.read_text())
        except (OSError, ValueError):
            return None

    def _lower_latency(self):
        if self._latency() is None:
            return
        # As everybody may with `setserial low_latency`; the file belongs to root.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._serial.set_low_latency_mode(True)
        if self._latency() > 1:
            with contextlib.suppress(OSError):
                self._timer.write_text("1")
                time.sleep(0.01)


def _why_not(port, baud, error):
    """Return a sentence on why ``port`` could not be opened."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT or isinstance(error, FileNotFoundError):
        return f"The serial port {port} does not exist: is the board plugged in?"
    if number in (errno.EBUSY, errno.EAGAIN):
        return f"The serial port {port} is busy: close the other program that uses it"
    if number in (errno.EACCES, errno.EPERM):
        return (f"You may not open the serial port {port}: "
                "join its group (often: sudo usermod -aG dialout $USER) and log in again")
    if isinstance(error, ValueError) and "baud" in str(error).lower():
        return f"The serial port {port} cannot run at {baud} baud"
    return f"The serial port {port} cannot be opened: {error}"
