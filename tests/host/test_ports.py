"""Commands on a serial port: a board behind a pseudo-terminal, and what may be wrong with one."""

import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from checkpoints import TINY_PATH
from command_line import refused, run
from trine.firmware.config import preset
from trine.firmware.registers import address
from trine.host.connection import Connection
from trine.host.links import SerialTransport
from trine.sim.golden_board import GoldenBoard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

MODEL = ["-m", str(TINY_PATH), "-p", "ab", "-n", "6", "--temp", "0"]


@pytest.fixture
def plug():
    """Give what connects a function from bytes to bytes to a port, and returns its name."""
    ends = []

    def connect(receive):
        master, slave = os.openpty()
        ends.extend((master, slave))

        def serve():
            try:
                while received := os.read(master, 4096):
                    os.write(master, receive(received))
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return os.ttyname(slave)

    yield connect
    for end in ends:
        os.close(end)


def test_board_on_a_port(capsys, plug, monkeypatch):
    port = plug(GoldenBoard(preset("tiny")).receive)
    golden = run(capsys, "generate", *MODEL, "--device", "golden", "--preset", "tiny")[1]
    code, out, _ = run(capsys, "generate", *MODEL, "--device", port, "--baud", 115200, "--json")
    assert code == 0 and json.loads(out)["text"] + "\n" == golden

    monkeypatch.setattr(list_ports, "comports", lambda: [SimpleNamespace(
        device=port, vid=0x0403, pid=0x6015, manufacturer="FER-RADIONA-EMARD", description="n/a",
        product="ULX3S FPGA 85K v3.0.8")])
    code, out, _ = run(capsys, "generate", *MODEL, "--device", "auto")
    assert code == 0 and out == golden


def test_port_is_absent(capsys):
    assert "The serial port /dev/nothing does not exist: is the board plugged in?" in refused(
        capsys, "generate", "--device", "/dev/nothing")


def test_port_is_busy(capsys, plug):
    port = plug(lambda data: b"")
    with SerialTransport(port):
        assert "is busy: close the other program that uses it" in refused(
            capsys, "selftest", "--device", port)


def test_port_is_not_ours(capsys, plug, monkeypatch):
    monkeypatch.setattr(Connection.__init__, "__kwdefaults__",
                        Connection.__init__.__kwdefaults__ | {"timeout": 0.02})
    port = plug(lambda data: b"login: ")
    assert "does not answer: check its power, its bitstream and the baud rate" in refused(
        capsys, "generate", "--device", port)


def test_other_gateware(capsys, plug):
    board = GoldenBoard(preset("tiny"))
    board.registers[address("VERSION")] = 99
    assert "has gateware version 99, this Trine needs" in refused(
        capsys, "generate", "--device", plug(board.receive))


def test_impossible_speed(capsys, plug):
    assert "argument --baud: must be a whole number" in refused(
        capsys, "generate", "--device", plug(lambda data: b""), "--baud", "fast")
