"""The serial port of a board, found by its USB ids."""

from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from trine.host.links import DeviceError
from trine.host.serial_ports import find_port


def port(device, vid=0x0403, pid=0x6015, product=None):
    return SimpleNamespace(device=device, vid=vid, pid=pid, manufacturer=None, product=product,
                           description=product or "n/a")


ULX3S = port("/dev/ttyUSB3", product="ULX3S FPGA 85K v3.0.8")
ADAPTER = port("/dev/ttyUSB0", product="FT231X USB UART")
OTHER = port("/dev/ttyS0", vid=None, pid=None)
MOUSE = port("/dev/ttyACM0", vid=0x1234, pid=0x6015)


@pytest.fixture
def plugged(monkeypatch):
    return lambda *ports: monkeypatch.setattr(list_ports, "comports", lambda: list(ports))


def test_the_one_board(plugged):
    plugged(OTHER, ULX3S, MOUSE)
    device, board = find_port()

    assert device == "/dev/ttyUSB3" and board.name.startswith("ulx3s") and board.baud == 3_000_000


def test_a_named_board_comes_before_an_adapter(plugged):
    plugged(ADAPTER, ULX3S)
    assert find_port()[0] == "/dev/ttyUSB3"


def test_an_unnamed_one_will_do_alone(plugged):
    plugged(OTHER, ADAPTER)
    assert find_port()[0] == "/dev/ttyUSB0"


def test_another_debugger(plugged):
    plugged(port("/dev/ttyACM1", vid=0x1D50, pid=0x602B, product="DAPLink CMSIS-DAP"))
    device, board = find_port()
    assert (device, board.name) == ("/dev/ttyACM1", "icesugar-pro")


def test_none(plugged):
    plugged(OTHER, MOUSE)
    with pytest.raises(DeviceError, match=r"^No board was found on a USB serial port: is it plug"):
        find_port()


def test_several(plugged):
    plugged(ULX3S, port("/dev/ttyUSB1", product="ULX3S FPGA 12K v3.0.8"))
    with pytest.raises(DeviceError, match=r"^More than one board may be plugged in: /dev/ttyUSB1 "
                                          r"\(ULX3S .*\), /dev/ttyUSB3 .*; name one with --device"):
        find_port()
