"""Learning rates over the course of a run, as shares of the highest."""

from math import cos, pi

__all__ = ["SCHEDULES", "WARM_UP", "learning_rate"]

#: Steps over which the rate rises at the start.
WARM_UP = 100


def _linear(progress):
    return 1 - progress


def _two_stages(progress):
    # The loss drops where the second half begins with half the rate.
    return (1 + cos(pi * progress)) / 2 * (1 if progress < 0.5 else 0.5)


#: Shares of the highest rate by name, each a function of the share of the budget that is spent.
#: Ref: Zhu et al., arXiv 2406.02528, on the training recipe: cosine, then half the rate midway.
SCHEDULES = {"linear": _linear, "two-stage": _two_stages}


def learning_rate(schedule, progress, step):
    """Return the share of the highest rate for ``step``, counted from 0, at ``progress``."""
    return min(1, (step + 1) / WARM_UP) * max(0, SCHEDULES[schedule](min(1, progress)))
