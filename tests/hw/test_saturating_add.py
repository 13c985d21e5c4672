"""SaturatingAdd against its golden model."""

import numpy as np
import pytest

from bench import latency, run
from conversion import convert
from trine.hw.saturating_add import SaturatingAdd
from trine.sim.golden import vector

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
WIDE = [-(1 << 32), INT32_MIN - 1, INT32_MIN, -128, -127, -126, -1, 0, 1, 126, 127, 128, INT32_MAX,
        INT32_MAX + 1, (1 << 32) - 1, 1 << 32]
NARROW = [INT32_MIN, -1, 0, 1, INT32_MAX]


def payloads(pairs):
    """Write limits of a rounding shift as those of int32, which are ones above zeros."""
    return [{"a": {"value": a >> 31 << 31 if a in (INT32_MAX, (1 << 32) - 1) else a,
                   "ones": a in (INT32_MAX, (1 << 32) - 1)}, "b": b} for a, b in pairs]


def pairs():
    rng = np.random.default_rng(4)
    a = rng.integers(-(1 << 32), 1 << 32, 300, endpoint=True) >> rng.integers(0, 32, 300)
    b = rng.integers(INT32_MIN, INT32_MAX, 300, endpoint=True) >> rng.integers(0, 31, 300)
    return [(x, y) for x in WIDE for y in NARROW] + list(zip(a.tolist(), b.tolist()))


@pytest.mark.parametrize("subtract", [0, 1])
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_matches_golden(subtract, stall):
    inputs = pairs()
    outputs = run(SaturatingAdd(), payloads(inputs), len(inputs), stall=stall,
                  pins={"subtract": subtract})
    a, b = np.array(inputs).T
    np.testing.assert_array_equal(outputs, (vector.subtract if subtract else vector.add)(a, b))


def test_codes_are_limited_to_127():
    inputs = [(a, 0) for a, _ in pairs()] + [(a, 0) for a in range(-140, 141)]
    outputs = run(SaturatingAdd(), payloads(inputs), len(inputs), stall=0.0,
                  pins={"code": 1})
    np.testing.assert_array_equal(outputs, np.clip(np.array(inputs)[:, 0], -127, 127))


def test_latency():
    assert latency(SaturatingAdd(), {"a": {"value": 1, "ones": 0}, "b": 2}) == SaturatingAdd.latency


def test_converts():
    convert(SaturatingAdd())
