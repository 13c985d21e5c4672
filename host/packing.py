"""From a checkpoint folder to a model file and the Model."""

from .checkpoint import Checkpoint
from .importer import import_checkpoint
from .model import Model

__all__ = ["pack_checkpoint", "read_checkpoint"]

#: Tokens over which the number formats are calibrated.
_SAMPLE_TOKENS = 4096


def read_checkpoint(folder):
    """Return (tensors, config, tokenizer) of a checkpoint folder in the Hugging Face layout."""
    checkpoint = Checkpoint(folder)
    return checkpoint, checkpoint.config, checkpoint.tokenizer


def pack_checkpoint(folder, path, text=None, card=None):
    """Make a model file of a checkpoint folder; return the :class:`Model`.

    text : over which the number formats are calibrated; where there is none, tokens are drawn from
    the whole vocabulary, which reaches at least as far
    """
    import_checkpoint(folder, path, text=text, tokens=_SAMPLE_TOKENS, card=card)
    return Model.load(path)
