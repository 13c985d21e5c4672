"""From a checkpoint folder to a model file, part by part, so that memory never holds the whole."""

from dataclasses import dataclass
from math import log

import numpy as np

from .calibration import SAMPLE, count_saturations, sample_tokens
from .checkpoint import Checkpoint
from .export import Exporter
from .model_file import ModelWriter
from .vocabulary import reduce_vocabulary

__all__ = ["Imported", "ReducedVocabulary", "import_checkpoint"]

#: Tokens over which the golden model counts saturations.
_GOLDEN = 32


@dataclass(frozen=True)
class ReducedVocabulary:
    """What a smaller vocabulary costs, over the sample text: tokens and bits per character."""

    characters: int
    tokens_before: int
    tokens_after: int
    bits_per_char_before: float
    bits_per_char_after: float


@dataclass(frozen=True)
class Imported:
    """What an import made: sizes, and the saturations that the golden model counted."""

    dim: int
    hidden_dim: int
    n_layers: int
    vocab_size: int
    ternary_weights: int
    golden_tokens: int
    saturations: int
    reduced_vocabulary: ReducedVocabulary | None


def _nats(windows, targets):
    """Return the nats that logits, in windows, give to the tokens that follow."""
    nats, at = 0.0, 0
    for logits in windows:
        here = logits[np.arange(len(logits)), targets[at:at + len(logits)]]
        top = logits.max(-1)
        nats += float((np.log(np.exp(logits - top[:, None]).sum(-1)) + top - here).sum())
        at += len(logits)
    return nats


def _progress(count):
    """Show nobody."""


def import_checkpoint(folder, path, *, text=None, tokens=SAMPLE, keep=None, card=None,
                      progress=None):
    """Make the model file ``path`` of the checkpoint in ``folder``.

    text : str, over whose first ``tokens`` tokens the number formats are calibrated; where there
    is none, tokens are drawn from the whole vocabulary, which reaches at least as far
    keep : int, tokens that stay in a reduced vocabulary; needs ``text``
    progress : function that is called with the number of parts newly done, of 2 n_layers + 4
    returns : :class:`Imported`

    Raises
    ------
    ValueError, OSError
        One sentence that names what is wrong; no file appears under ``path`` then.
    """
    progress = progress or _progress
    checkpoint = Checkpoint(folder)
    config, tokenizer = checkpoint.config, checkpoint.tokenizer
    samples, rows, kept = [sample_tokens(tokenizer.vocab_size, tokens)], None, tokenizer
    if text:
        if keep:
            rows, kept = reduce_vocabulary(tokenizer, keep, text)
        ids, start = tokenizer.encode(text), [tokenizer.begin]
        samples = [[*start, *ids][:tokens]]
        if keep:
            # The same characters in both vocabularies.
            part = text[:len(tokenizer.decode([*start, *ids[:tokens]]))]
            before, after = tokenizer.encode(part), kept.encode(part)
            samples = [[*start, *before[:-1]], [*start, *rows[after[:-1]].tolist()]]
    exporter = Exporter(checkpoint, config, samples, rows)
    sizes = {"vocab_size": kept.vocab_size, "dim": config["hidden_size"],
             "hidden_dim": config["intermediate_size"], "n_layers": config["num_hidden_layers"]}
    with ModelWriter(path, **sizes, forget=exporter.lower.any(1).tolist(), tokenizer=kept,
                     card=card or {"name": checkpoint.folder.resolve().name}) as writer:
        writer.embedding(*exporter.embedding())
        progress(1)
        for n in range(sizes["n_layers"]):
            writer.layer(n, exporter.layer(n))
            progress(1)
        writer.head(*exporter.head())
        progress(1)
        loss = None
        if rows is not None:
            reduced = (logits[:, rows] for logits in exporter.logits(1))
            bits = [_nats(windows, targets) / log(2) / len(part) for windows, targets in (
                (exporter.logits(0), before), (reduced, after))]
            loss = ReducedVocabulary(len(part), len(before), len(after), *bits)
        writer.numbers(residual_fraction=exporter.residual_fraction, eps=exporter.eps)
        sample = samples[-1][:_GOLDEN]
        if rows is not None:
            sample = np.searchsorted(rows, sample).tolist()
        saturations = count_saturations(writer.reader(), sample, progress)
        writer.finish({
            "source": "text" if text else "vocabulary", "tokens": sum(map(len, samples)),
            "largest": {name: round(value, 6) for name, value in exporter.largest.items()
                        if not name.endswith(".codes")},
            "golden_tokens": len(sample), "saturations": dict(saturations)})
        progress(1)
    dim, hidden_dim = sizes["dim"], sizes["hidden_dim"]
    weights = (sizes["n_layers"] * (4 * dim**2 + 3 * dim * hidden_dim)
               + sizes["vocab_size"] * dim)
    return Imported(**sizes, ternary_weights=weights, golden_tokens=len(sample),
                    saturations=saturations.total, reduced_vocabulary=loss)
