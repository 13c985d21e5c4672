"""Choosing the next token on the host, with llama.cpp's samplers in its order.

Ref: llama.cpp, tools/main/README.md: penalties, top-k, top-p, min-p, temperature.
"""

from dataclasses import dataclass, field

import numpy as np

from trine.firmware.isa import LOGIT_FRACTION
from trine.firmware.registers import CANDIDATES

__all__ = ["Sampling"]


@dataclass
class Sampling:
    """Sampler settings and their random source.

    temperature : 0 takes the likeliest token; top_k : 0 or above 64 looks at all tokens;
    top_p, min_p : 1 and 0 switch them off; repeat_penalty : 1 switches it off, applied over the
    last ``repeat_last`` tokens; seed : of the random source
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last: int = 64
    seed: int = 0
    _rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self):
        for name, low, high in (("temperature", 0, 100), ("top_k", 0, 1 << 20), ("top_p", 0, 1),
                                ("min_p", 0, 1), ("repeat_penalty", 0.01, 100)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name.replace('_', '-')} must be {low} to {high}, not {value}")
        self._rng = np.random.default_rng(self.seed)

    @property
    def all_logits(self):
        """Whether the host needs more than the best rows, which the board keeps."""
        return not 1 <= self.top_k <= CANDIDATES

    def settle(self, board, slot, on_board):
        """Let a slot of ``board`` sample by temperature itself, or keep what the host needs."""
        if on_board:
            board.sample_on_board(self.temperature, self.seed, slot)
        else:
            board.sample_on_board(0, 0, slot, keep=not self.all_logits)

    def choose_of(self, board, slot, vocab_size, recent):
        """Return one of the rows behind a slot's last token: :meth:`choose`."""
        if self.all_logits:
            logits = board.logits(vocab_size, slot)
            rows = np.argsort(-logits, kind="stable")
            logits = logits[rows]
        else:
            rows, logits = board.candidates(slot)
        return self.choose(rows, logits, recent)

    def choose(self, rows, logits, recent):
        """Return one of ``rows``.

        rows : int64 (n,); logits : int64 (n,), best first, 16 fraction bits; recent : list of int,
        the tokens so far, newest last
        """
        scores = np.asarray(logits, np.float64) / 2.0**LOGIT_FRACTION
        if self.repeat_penalty != 1 and recent:
            seen = np.isin(rows, recent[-self.repeat_last:])
            penalized = np.where(scores > 0, scores / self.repeat_penalty,
                                 scores * self.repeat_penalty)
            scores = np.where(seen, penalized, scores)
            order = np.argsort(-scores, kind="stable")
            rows, scores = rows[order], scores[order]
        if self.temperature == 0:
            return int(rows[0])
        if self.top_k:
            rows, scores = rows[:self.top_k], scores[:self.top_k]
        p = np.exp(scores - scores[0])
        p /= p.sum()
        # The smallest set of tokens whose probabilities reach top_p; always one at least.
        keep = np.cumsum(p) - p < self.top_p
        keep &= p >= self.min_p * p[0]
        keep[0] = True
        rows, scores = rows[keep], scores[keep]
        p = np.exp((scores - scores[0]) / self.temperature)
        return int(rows[np.searchsorted(np.cumsum(p), self._rng.random() * p.sum(), "right")])
