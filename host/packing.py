"""From a checkpoint folder to a model file."""

import json
from pathlib import Path

from safetensors.numpy import load_file

from .export import export
from .model import Model
from .tokenizer import Tokenizer

__all__ = ["pack_checkpoint", "read_checkpoint"]

#: Tokens over which the number formats are calibrated, from the checkpoint's own sample text.
_SAMPLE_TOKENS = 4096


def read_checkpoint(folder):
    """Return (tensors, config, tokenizer) of a checkpoint folder in the Hugging Face layout."""
    folder = Path(folder)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"Checkpoint {folder} has no {name}; train or export it again")
    return (load_file(folder / "model.safetensors"),
            json.loads((folder / "config.json").read_text()),
            Tokenizer.from_json((folder / "tokenizer.json").read_text()))


def pack_checkpoint(folder, path, text=None, card=None):
    """Make a model file of a checkpoint folder; return the :class:`Model`.

    text : over which the number formats are calibrated; where there is none, tokens are drawn from
    the whole vocabulary, which reaches at least as far
    """
    tensors, config, tokenizer = read_checkpoint(folder)
    if text:
        sample = [tokenizer.begin, *tokenizer.encode(text)][:_SAMPLE_TOKENS]
    else:
        step = 7919  # a prime, so that neighbours in the vocabulary do not follow each other
        sample = [n * step % tokenizer.vocab_size for n in range(_SAMPLE_TOKENS)]
    model = Model.from_integers(export(tensors, config, sample), tokenizer, card)
    model.save(path)
    return model
