"""The host: models, boards, text. What is named here is the stable interface."""

from .board import Board
from .devices import open_board
from .generate import Generation
from .model import Model, shipped_model
from .sampling import Sampling

__all__ = ["Board", "Generation", "Model", "Sampling", "open_board", "shipped_model"]
