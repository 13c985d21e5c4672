"""Open boards, one file each: every module here with a ``BOARDS`` adds to the list."""

import importlib
import pkgutil

from .board import Board

__all__ = ["Board", "boards", "find_board"]


def boards():
    """Return every :class:`Board` by its name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for board in getattr(importlib.import_module(f".{module.name}", __name__), "BOARDS", ()):
            found[board.name] = board
    return found


def find_board(name):
    """Return the board called ``name``; ValueError names those that exist.

    The first of a family goes by the family's name: ``ulx3s`` is the ULX3S 85F.
    """
    known = boards()
    for board in known.values():
        if name == board.name or (name not in known and board.name.startswith(f"{name}-")):
            return board
    raise ValueError(f"Board {name!r} does not exist; choose one of {', '.join(known)}")
