"""Golden model of the scores: the largest wins, and its row is the token."""

from trine.firmware.isa import LOGIT_FRACTION
from trine.firmware.tables import BETA_FRACTION, GUMBEL_FRACTION

__all__ = ["score"]


def score(logits, beta, noise):
    """Return ``(logits * beta >> 8) + (noise << 4)``, with the fraction bits of a logit.

    logits : int64 (n,), int32 values; beta : int, 0 ... 65535
    noise : int64 (n,), from :func:`.gumbel.gumbel`
    returns : int64 (n,), 41 bits with sign
    error : the product is floored
    source : the Gumbel-max trick: the argmax of logits / temperature + Gumbel noise is a sample of
        softmax(logits / temperature)
    """
    return (logits * beta >> BETA_FRACTION) + (noise << LOGIT_FRACTION - GUMBEL_FRACTION)
