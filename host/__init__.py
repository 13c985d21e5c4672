"""The host: models, boards, text. What is named here is the stable interface."""

from .board import Board
from .devices import open_board
from .export import export
from .generate import Generation
from .model import Model, shipped_model
from .request import Request
from .sampling import Sampling
from .scheduler import Scheduler
from .speculation import Speculation
from .stream_state import StreamState, restore_stream, save_stream

__all__ = ["Board", "Generation", "Model", "Request", "Sampling", "Scheduler", "Speculation",
           "StreamState", "export", "open_board", "restore_stream", "save_stream", "shipped_model"]
