"""Normalizer against the golden scalars."""

import random

import pytest

from bench import latency, run
from conversion import convert
from trine.hw.normalizer import Normalizer
from trine.sim.golden.scalar import from_integer


def numbers():
    rng = random.Random(1)
    for bits in range(81):
        low, high = 1 << bits >> 1, (1 << bits) - 1
        for value in sorted({low, high, rng.randint(low, high)}):
            yield value, rng.randint(-1536, 1535)
    for exponent in (-1536, -514, -513, -512, -511, -482, -481, 510, 511, 512, 513, 561, 1535):
        for value in (0, 1, (1 << 31) - 1, 1 << 49, 1 << 78, (1 << 79) - 1, 1 << 79, (1 << 80) - 1):
            yield value, exponent


def payload(value, exponent):
    return {"value": value, "exponent": exponent}


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_matches_golden(stall):
    cases = list(numbers())
    outputs = run(Normalizer(), [payload(*case) for case in cases], len(cases), stall=stall)

    assert [(o["m"], o["e"]) for o in outputs] == [
        from_integer(value, exponent - 49) for value, exponent in cases]


def test_saturates_at_both_ends_of_the_exponent():
    cases = [(1 << 79, 511), (1 << 79, 512), (1 << 78, 512), (1 << 78, 513),
             (1 << 79, -512), (1 << 79, -513), (1 << 78, -511), (1 << 78, -512)]
    outputs = run(Normalizer(), [payload(*case) for case in cases], len(cases))

    largest, smallest = ((1 << 31) - 1, 511), (1 << 30, -512)
    assert [(o["m"], o["e"]) for o in outputs] == [
        (1 << 30, 511), largest, (1 << 30, 511), largest,
        smallest, (0, -512), smallest, (0, -512)]


def clocks(leading, clamped):
    """Return the latency of a number with this leading bit, -1 for zero."""
    if leading < 0:
        return 12
    places = 79 - leading
    # A first place, eights, and what is left; a result out of range is filled up by eights.
    shifts = places if places < 9 else 1 + (places - 1) // 8 + (places - 1) % 8
    return Normalizer.latency + shifts + 11 * clamped


@pytest.mark.parametrize("leading", [-1, 0, 1, 6, 7, 8, 31, 55, 69, 70, 71, 72, 77, 78, 79])
@pytest.mark.parametrize("exponent", [0, 1535, -1536])
def test_latency(leading, exponent):
    measured = latency(Normalizer(), payload(1 << leading if leading >= 0 else 0, exponent))

    assert measured == clocks(leading, exponent != 0 and leading >= 0)
    assert Normalizer.latency <= measured <= Normalizer.latency_max


def test_converts():
    assert "eights" in convert(Normalizer())
