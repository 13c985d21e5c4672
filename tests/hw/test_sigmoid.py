"""Sigmoid against its golden model."""

import numpy as np
import pytest

from bench import latency, run
from conversion import convert
from trine.hw.sigmoid import Sigmoid
from trine.sim.golden import vector

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def golden(payload):
    a = np.array([-payload["a"] if payload["negate"] else payload["a"]])
    return int(vector.sigmoid(a, payload["fraction"])[0])


def check(inputs, **options):
    assert run(Sigmoid(), inputs, len(inputs), **options) == [golden(i) for i in inputs]


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_random_arguments_of_any_size(stall):
    rng = np.random.default_rng(2)
    inputs = [{"a": int(rng.integers(INT32_MIN, INT32_MAX, endpoint=True) >> rng.integers(32)),
               "fraction": int(rng.integers(64)), "negate": int(rng.integers(2))}
              for _ in range(600)]
    check(inputs, stall=stall)


@pytest.mark.parametrize("negate", [0, 1])
def test_extremes_with_all_fractions(negate):
    check([{"a": a, "fraction": fraction, "negate": negate} for fraction in range(64)
           for a in (INT32_MIN, -1, 0, 1, INT32_MAX)], stall=0.0)


def test_ends_of_segments_and_of_the_table():
    edges = [edge << 16 for edge in (*range(0, 1024, 31), 1023, 1024)]
    check([{"a": sign * (edge + step), "fraction": 22, "negate": 0}
           for edge in edges for step in (-1, 0, 1) for sign in (-1, 1)], stall=0.0)


def test_latency():
    assert latency(Sigmoid(), {"a": 1 << 20, "fraction": 22, "negate": 0}) == Sigmoid.latency


def test_converts():
    assert "memory width 40 size 1024" in convert(Sigmoid())
