"""How good a model is, and how far the golden model is from the float reference.

bits/char = total nats / ln 2 / characters of the raw text; the state is zero at the text's start,
where the begin token stands, and carried through to its end.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from trine.firmware.isa import LOGIT_FRACTION
from trine.sim.golden.mlgru import MLGRU

__all__ = ["Distance", "compare", "golden_logits", "reference_bits_per_char", "reference_logits"]


def _log_softmax(logits):
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def reference_logits(reference, tokens, window=512, progress=None):
    """Yield the reference's logits, float (n, vocab_size), window by window."""
    state = reference.zero_state()
    for start in range(0, len(tokens), window):
        logits, state = reference.forward(tokens[start:start + window], state)
        if progress:
            progress(len(logits))
        yield logits


def golden_logits(model, tokens, progress=None):
    """Yield the golden model's logits as floats, (1, vocab_size), token by token."""
    golden = MLGRU(model)
    for token in tokens:
        logits = golden.step(token)
        if progress:
            progress(1)
        yield logits[None] / 2.0**LOGIT_FRACTION


def _inputs(tokenizer, text):
    ids = tokenizer.encode(text)
    return [tokenizer.begin, *ids[:-1]], np.array(ids)


def reference_bits_per_char(reference, tokenizer, text, progress=None):
    """Return bits/char of ``text`` under the reference."""
    inputs, targets = _inputs(tokenizer, text)
    nats, at = 0.0, 0
    for logits in reference_logits(reference, inputs, progress=progress):
        expected = targets[at:at + len(logits)]
        nats -= _log_softmax(logits)[np.arange(len(logits)), expected].sum(dtype=np.float64)
        at += len(logits)
    return nats / log(2) / len(text)


@dataclass(frozen=True)
class Distance:
    """Two models on one text: bits/char of each, mean KL in nats, share of equal argmax."""

    tokens: int
    first_bits_per_char: float
    second_bits_per_char: float
    kl: float
    argmax_agreement: float


def compare(first, second, tokenizer, text):
    """Return the :class:`Distance` of two sources of logits over ``text``.

    first, second : functions from input tokens to an iterator of logits, in any windows
    """
    inputs, targets = _inputs(tokenizer, text)

    def rows(source):
        for logits in source(inputs):
            yield from _log_softmax(logits.astype(np.float64))

    nats, kl, agree = np.zeros(2), 0.0, 0
    for a, b, target in zip(rows(first), rows(second), targets):
        nats -= a[target], b[target]
        kl += float(np.sum(np.exp(a) * (a - b)))
        agree += int(a.argmax() == b.argmax())
    n, bits = len(inputs), nats / log(2) / len(text)
    return Distance(n, bits[0], bits[1], kl / n, agree / n)
