"""Transports carry bytes, and say in one sentence why they cannot."""

import errno
import os
import sys
import threading

import pytest
import serial

from trine.host.connection import Connection
from trine.host.links import (
    DeviceError,
    LoopbackTransport,
    SerialTransport,
)
from trine.sim.link_model import BoardModel

needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture
def pty():
    """Open a pseudo-terminal; give one end, and the other one's name."""
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    for end in (master, slave):
        try:
            os.close(end)
        except OSError:
            pass


def test_loopback():
    with LoopbackTransport(lambda data: data[::-1]) as transport:
        transport.write(b"ab")
        transport.write(b"cd")

        assert transport.read(1) == b"badc"
        assert transport.read(1) == b""


@needs_pty
def test_serial_port_carries_every_byte(pty):
    master, name = pty
    board = BoardModel(memory=bytearray(4096), registers={3: 7})
    data = bytes(range(256)) * 16

    def serve():
        try:
            while received := os.read(master, 4096):
                os.write(master, board.receive(received))
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with SerialTransport(name) as transport:
        connection = Connection(transport)
        connection.hello()
        connection.memory_write(0, data)
        assert connection.memory_read(0, 4096) == data
        assert connection.read(3) == [7]
        assert transport.read(0.01) == b""
        assert transport.latency_hint is None
    assert board.memory == data


@needs_pty
def test_serial_port_is_busy(pty):
    with SerialTransport(pty[1]), pytest.raises(DeviceError, match="busy: close the other"):
        SerialTransport(pty[1])


def test_serial_port_is_missing():
    with pytest.raises(DeviceError, match="/dev/nowhere does not exist: is the board plugged in"):
        SerialTransport("/dev/nowhere")


@pytest.mark.parametrize("error, message", [
    (serial.SerialException(errno.EACCES, "no"), "You may not open the serial port P: join its"),
    (serial.SerialException(errno.EBUSY, "no"), "The serial port P is busy"),
    (ValueError("Invalid baud rate: 7"), "The serial port P cannot run at 7 baud"),
    (serial.SerialException("strange"), "The serial port P cannot be opened: strange"),
])
def test_serial_port_cannot_be_opened(monkeypatch, error, message):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(serial, "Serial", refuse)

    with pytest.raises(DeviceError, match=message):
        SerialTransport("P", baud=7)


@needs_pty
def test_serial_port_is_unplugged(pty):
    transport = SerialTransport(pty[1])
    os.close(pty[0])

    with pytest.raises(DeviceError, match="is gone: was the board unplugged"):
        for _ in range(3):
            transport.write(b"x")
            transport.read(0.1)
    transport.close()


@needs_pty
@pytest.mark.parametrize("writable", [True, False])
def test_latency_timer(pty, tmp_path, writable, monkeypatch):
    timer = tmp_path / os.path.basename(pty[1]) / "latency_timer"
    timer.parent.mkdir()
    timer.write_text("16\n")
    if not writable:
        def refuse(*_):
            raise PermissionError
        monkeypatch.setattr(type(timer), "write_text", refuse)

    with SerialTransport(pty[1], sysfs=tmp_path) as transport:
        hint = transport.latency_hint

    if writable:
        assert hint is None and timer.read_text() == "1"
    else:
        assert hint.endswith(f"wait up to 16 ms in the USB chip; for faster text, run: "
                             f"echo 1 | sudo tee {timer}")
