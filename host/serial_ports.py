"""The serial port of a board, found by its USB ids."""

from serial.tools import list_ports

from trine.hw.boards import boards

from .links import DeviceError

__all__ = ["find_port"]


def _text(port):
    return " ".join(filter(None, (port.manufacturer, port.product, port.description)))


def find_port():
    """Return (name of the port, board) of the one board that is plugged in.

    A port is a board's where its USB ids are. The chips of several boards, and of plain adapters,
    have the same; so a port whose description names the board comes before one that does not.

    Raises
    ------
    DeviceError
        Where there is none, or more than one.
    """
    known = sorted(boards().values(), key=lambda board: not board.usb_text)
    named, others = {}, {}
    for port in list_ports.comports():
        for board in known:
            if (port.vid, port.pid) != board.usb:
                continue
            sure = board.usb_text and board.usb_text in _text(port).lower()
            (named if sure else others).setdefault(port.device, (board, _text(port)))
            if sure:
                break
    found = named or others
    if not found:
        raise DeviceError("No board was found on a USB serial port: is it plugged in? Another "
                          "port can be named with --device")
    if len(found) > 1:
        names = ", ".join(f"{device} ({text})" for device, (_, text) in sorted(found.items()))
        raise DeviceError(f"More than one board may be plugged in: {names}; name one with --device")
    (device, (board, _)), = found.items()
    return device, board
