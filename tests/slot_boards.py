"""Boards of several slots with the tiny model uploaded."""

from checkpoints import tiny_model
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.links import LoopbackTransport
from trine.sim.golden_board import GoldenBoard

__all__ = ["golden_board"]


def golden_board(slots, **sizes):
    """Return a golden board of the tiny preset with ``slots`` and other ``sizes``."""
    device = GoldenBoard(preset("tiny").replace(slots=slots, **sizes))
    board = Board(LoopbackTransport(device.receive))
    return board.upload(tiny_model().image(board.config))
