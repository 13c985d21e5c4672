"""Multiplier against Python's integers."""

import numpy as np

from bench import latency, run
from conversion import convert
from trine.hw.multiplier import Multiplier

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
EXTREMES = [INT32_MIN, INT32_MIN + 1, -(1 << 16), -(1 << 16) + 1, -1, 0, 1, (1 << 16) - 1, 1 << 16,
            INT32_MAX]


def check(pairs, **options):
    outputs = run(Multiplier(), [{"a": a, "b": b} for a, b in pairs], len(pairs), **options)
    assert outputs == [a * b for a, b in pairs]


def test_extremes():
    check([(a, b) for a in EXTREMES for b in EXTREMES], stall=0.0)


def test_random_products():
    rng = np.random.default_rng(1)
    check(rng.integers(INT32_MIN, INT32_MAX, (500, 2), endpoint=True).tolist(), stall=0.3)


def test_latency():
    assert latency(Multiplier(), {"a": -3, "b": 5}) == Multiplier.latency


def test_converts():
    assert convert(Multiplier()).count("cell $mul") == 4
