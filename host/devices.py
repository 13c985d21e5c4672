"""Devices by name: the simulated board, the golden model, a board on a serial port."""

from trine.firmware.config import preset
from trine.sim.golden_board import GoldenBoard

from .board import Board
from .links import BAUD, LoopbackTransport, SerialTransport
from .serial_ports import find_port

__all__ = ["open_board"]


def open_board(device="sim", *, preset_name="ulx3s", clock_hz=None, vcd=None,
               baud=None):
    """Open a device and return the :class:`Board`.

    device : "sim" (the simulated board, real gateware), "golden" (the golden model), "auto" (the
    one board on USB) or the name of a serial port; preset_name : configuration of a simulated or
    golden board, a board on a port tells its own; clock_hz : its assumed clock; vcd : file for the
    simulation's waveforms; baud : speed of a serial port, the board's own where it is None
    """
    if device not in ("sim", "golden"):
        usual = BAUD
        if device == "auto":
            device, board = find_port()
            usual = board.baud
        return Board(SerialTransport(device, baud=baud or usual), clock_source="board")
    config = preset(preset_name)
    if clock_hz is not None:
        config = config.replace(clock_hz=clock_hz)
    if device == "golden":
        return Board(LoopbackTransport(GoldenBoard(config).receive, name="golden"), "assumed")
    # Building the simulated board needs the gateware's tools; the other devices do not.
    from trine.sim.verilator import progress_bar

    from .simulated import SimulatedTransport
    with progress_bar("the simulated board") as progress:
        transport = SimulatedTransport(config, vcd=vcd, progress=progress)
    return Board(transport, "assumed")
