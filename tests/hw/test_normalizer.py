"""Normalizer against the golden scalars."""

import random

import pytest
from amaranth import Module
from amaranth.back import rtlil

from bench import latency, run
from trine.hw.normalizer import Normalizer
from trine.sim.golden.scalar import from_integer


def numbers():
    rng = random.Random(1)
    for bits in range(81):
        low, high = 1 << bits >> 1, (1 << bits) - 1
        for value in {low, high, rng.randint(low, high)}:
            yield value, rng.randint(-1536, 1535)
    for exponent in (-1536, -563, -562, -561, -512, -511, 430, 431, 462, 463, 511, 512, 1535):
        for value in (0, 1, (1 << 31) - 1, 1 << 49, (1 << 80) - 1):
            yield value, exponent


def payload(scalar):
    return dict(zip("me", scalar))


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_matches_golden(stall):
    cases = list(numbers())
    outputs = run(Normalizer(), [{"value": value, "exponent": e} for value, e in cases],
                  len(cases), stall={"i": stall})

    assert outputs == [payload(from_integer(*case)) for case in cases]


def test_saturates_at_both_ends_of_the_exponent():
    cases = [((1 << 80) - 1, 462), ((1 << 80) - 1, 463), (1, -482), (1, -483)]
    outputs = run(Normalizer(), [{"value": value, "exponent": e} for value, e in cases],
                  len(cases))

    assert [(o["m"], o["e"]) for o in outputs] == [
        ((1 << 31) - 1, 511), ((1 << 31) - 1, 511), (1 << 30, -512), (0, -512)]


def test_latency():
    assert latency(Normalizer(), {"value": 1, "exponent": 0}) == Normalizer.latency


def test_converts():
    top = Module()
    top.submodules.dut = Normalizer()

    assert "shifted_16" in rtlil.convert(top, ports=[])
