"""The host: models, boards, text. `Model` and `Board` are the stable interface."""

from .board import Board
from .devices import open_board
from .model import Model

__all__ = ["Board", "Model", "open_board"]
