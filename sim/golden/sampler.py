"""Golden model of the sampler: what one slot's logits become."""

from zlib import crc32

import numpy as np

from .candidates import candidates
from .gumbel import gumbel
from .score import score

__all__ = ["Sampler"]


class Sampler:
    """One slot of the sampler.

    Parameters
    ----------
    logit_words : int
        Logits kept for the host; None for all.

    Attributes
    ----------
    crc : int
        CRC-32 (zlib's) over all logits since power-up or :meth:`crc_clear`, as little-endian int32.
    keep : bool
        Candidates are kept of the token under way.
    logits : int64 (rows,)
        Logits of the token so far, by row: more than the buffer holds, where it has overflowed.
    """

    def __init__(self, *, logit_words=None):
        self.logit_words = logit_words
        self.keep = True
        self.crc_clear()
        self.clear()

    def crc_clear(self):
        """Start the CRC anew: the host resets the slot."""
        self.crc = 0

    def clear(self):
        """Forget the token's logits: the next row is row 0 of a new token."""
        self.logits = np.zeros(0, np.int64)

    def feed(self, logits):
        """Take the next rows' logits.

        logits : int64 (n,), int32 values with :data:`trine.firmware.isa.LOGIT_FRACTION` bits
        """
        self.crc = crc32(logits.astype("<i4").tobytes(), self.crc)
        self.logits = np.concatenate([self.logits, logits])

    def argmax(self):
        """Return the row of the largest logit, the lowest of equal ones; 0 without logits."""
        return int(np.argmax(self.logits)) if len(self.logits) else 0

    def sample(self, *, seed, position, beta):
        """Return the row of the largest score (:mod:`.score`), the lowest of equal ones.

        seed, position : int, 32 bits; beta : int, 1 / temperature with 8 fraction bits
        """
        if not len(self.logits):
            return 0
        noise = gumbel(seed, position, np.arange(len(self.logits)))
        return int(np.argmax(score(self.logits, beta, noise)))

    def candidates(self):
        """Return the best rows as (logit, row), best first (:mod:`.candidates`); none unkept."""
        return candidates(self.logits) if self.keep else []

    @property
    def buffer(self):
        """The logits that the host can read."""
        return self.logits[:self.logit_words]

    @property
    def overflow(self):
        """Whether rows were left out of the buffer."""
        return self.logit_words is not None and len(self.logits) > self.logit_words
