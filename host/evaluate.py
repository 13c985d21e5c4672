"""How good a model is, and how far the golden model is from the float reference.

bits/char = total nats / ln 2 / characters of the raw text; the state is zero at the text's start,
where the begin token stands, and carried through to its end.
"""

import zlib
from dataclasses import dataclass
from math import exp, log

import numpy as np

from trine.firmware.isa import LOGIT_FRACTION
from trine.firmware.registers import RunFlags, State
from trine.sim.golden.mlgru import MLGRU

__all__ = ["BoardDistance", "Distance", "board_distance", "compare", "golden_logits",
           "reference_bits_per_char", "reference_logits", "text_of"]


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


def golden_logits(model, tokens, progress=None, watch=None):
    """Yield the golden model's logits as floats, (1, vocab_size), token by token.

    watch : called with every result, as :meth:`MLGRU.step` does
    """
    golden = MLGRU(model)
    for token in tokens:
        logits = golden.step(token, watch)
        if progress:
            progress(1)
        yield logits[None] / 2.0**LOGIT_FRACTION


def _inputs(tokenizer, text):
    ids = tokenizer.encode(text)
    return [tokenizer.begin, *ids[:-1]], np.array(ids)


def text_of(tokenizer, text, count):
    """Return the longest beginning of ``text`` that is its first ``count`` tokens or fewer."""
    ids = tokenizer.encode(text)
    if len(ids) <= count:
        return text
    for end in range(count, 0, -1):
        part = tokenizer.decode([tokenizer.begin, *ids[:end]])
        # A cut within a character, or one that changes the tokens in front of it, will not do.
        if text.startswith(part) and tokenizer.encode(part) == ids[:end]:
            return part
    raise ValueError(f"The first {count} tokens of the text end within a character; take more")


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

    def perplexities(self, characters):
        """Return each model's perplexity a token; ``characters`` of the text."""
        nats = log(2) * characters / self.tokens
        return exp(nats * self.first_bits_per_char), exp(nats * self.second_bits_per_char)


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


@dataclass(frozen=True)
class BoardDistance:
    """A board and the golden model on one text: bits/char of each, tokens with other logits.

    ``bits_per_char`` is the board's own where it keeps all logits of a token; where it keeps too
    few, it is the golden model's, and only if no token's logits differ by their CRC-32, else None.
    """

    tokens: int
    bits_per_char: float | None
    golden_bits_per_char: float
    mismatches: int
    logits_read: bool


def board_distance(board, model, text, progress=None):
    """Return the :class:`BoardDistance` of a board that holds ``model``."""
    inputs, targets = _inputs(model.tokenizer, text)
    golden, nats, mismatches = MLGRU(model), np.zeros(2), 0
    readable = model.vocab_size <= board.config.logit_words
    board.sample_on_board(0, 0)
    first = board.read("TOKEN_COUNT", 0)
    board.start("token", count=0, reset=1, flags=RunFlags.TOKENS)
    try:
        for n, (token, target) in enumerate(zip(inputs, targets)):
            board.queue([token])
            expected = golden.step(token)
            # The board waits when it has taken the token and counted it.
            board.wait(State.WAITING)
            while (board.read("TOKEN_COUNT", 0) - first) % (1 << 32) <= n:
                board.transport.pause(1e-4)
                board.wait(State.WAITING)
            (_, crc), = board.sampled(first + n, 1)
            logits = board.logits(model.vocab_size) if readable else expected
            mismatches += (crc != zlib.crc32(expected.astype("<i4").tobytes())
                           or not np.array_equal(logits, expected))
            nats -= [_log_softmax(x / 2.0**LOGIT_FRACTION)[target] for x in (logits, expected)]
            if progress:
                progress(1)
    finally:
        board.stop()
    bits = nats / log(2) / len(text)
    known = readable or not mismatches
    return BoardDistance(len(inputs), float(bits[0]) if known else None, float(bits[1]),
                         int(mismatches), readable)
