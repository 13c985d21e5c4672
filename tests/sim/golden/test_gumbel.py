"""The noise: its hash, its table, and its distribution."""

import hashlib

import numpy as np
import pytest

from trine.firmware.tables import GUMBEL, GUMBEL_FRACTION
from trine.sim.golden.gumbel import gumbel, mix
from trine.sim.golden.score import score

ONE = 1 << GUMBEL_FRACTION


def final(a, b, c):
    """lookup3's final(), as it is written in C."""
    def rot(x, k):
        return (x << k | x >> (32 - k)) & 0xFFFFFFFF

    for text in ("cb14", "ac11", "ba25", "cb16", "ac4", "ba14", "cb24"):
        words = {"a": a, "b": b, "c": c}
        x, y, k = words[text[0]], words[text[1]], int(text[2:])
        words[text[0]] = (x ^ y) - rot(y, k) & 0xFFFFFFFF
        a, b, c = words.values()
    return c, b


@pytest.mark.parametrize("seed", [0, 1, 0x21524110, 0x21524111, 0xFFFFFFFF])
@pytest.mark.parametrize("position", [0, 5, 0x21524111, 0xFFFFFFFF])
def test_hash_is_the_published_one(seed, position):
    rows = [0, 1, 1000, (1 << 18) - 1]
    c, b = mix(seed, position, np.array(rows))

    expected = [final(*((word + 0xDEADBEEF) & 0xFFFFFFFF for word in (seed, position, row)))
                for row in rows]
    assert list(zip(c.tolist(), b.tolist())) == expected


def test_table():
    assert len(GUMBEL) == 1024
    # Both tails end in the middle, and the upper one is as far as 2^-32 goes.
    assert GUMBEL[496] == GUMBEL[1008] == round(-np.log(np.log(2)) * ONE)
    assert GUMBEL[0] == round(32 * np.log(2) * ONE)
    assert GUMBEL[512] == round(-np.log(32 * np.log(2)) * ONE)
    assert GUMBEL[:512] == sorted(GUMBEL[:512], reverse=True)
    assert GUMBEL[512:] == sorted(GUMBEL[512:])
    digest = hashlib.sha256(np.array(GUMBEL, "<i4").tobytes()).hexdigest()
    assert digest[:16] == "32e8380252341fd9"


def test_interpolation_error_over_all_points():
    octave, point = np.meshgrid(np.arange(31), np.arange(4096), indexing="ij")
    p = 2.0 ** (octave - 32) * (1 + point / 4096)
    table = np.array(GUMBEL)
    for side, ideal in ((0, -np.log(-np.log1p(-p))), (1, -np.log(-np.log(p)))):
        index, rest = side * 512 + octave * 16 + (point >> 8), point & 255
        noise = table[index] + ((table[index + 1] - table[index]) * rest >> 8)
        assert np.abs(noise / ONE - ideal).max() < 5.3e-4
        # What the gateware's registers hold.
        assert np.abs(np.diff(table)[index]).max() < 512
        assert -12694 <= noise.min() and noise.max() <= 90852


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_million_draws_are_gumbel_distributed(seed):
    n = 1_000_000
    noise = np.sort(gumbel(seed, 7, np.arange(n)))
    # Ends of runs of equal values, taken to reach half a step up.
    last = np.append(noise[1:] != noise[:-1], True)
    ideal = np.exp(-np.exp(-(noise[last] + 0.5) / ONE))
    distance = np.abs(np.flatnonzero(last) + 1 - n * ideal).max() / n
    # Kolmogorov-Smirnov at 5 %: 1.36 / sqrt(n).
    assert distance < 0.00136
    assert np.mean(noise) / ONE == pytest.approx(np.euler_gamma, abs=4e-3)
    assert np.var(noise / ONE) == pytest.approx(np.pi ** 2 / 6, abs=1e-2)


def test_neighbours_are_independent():
    """Noise of one row from token to token, of rows and of seeds side by side: no correlation."""
    positions, rows = np.meshgrid(np.arange(1000), np.arange(100), indexing="ij")
    noise = gumbel(9, positions, rows).astype(float)
    other = gumbel(10, positions, rows).astype(float)
    for a, b in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1]), (noise, other)):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


@pytest.mark.parametrize("temperature", [0.5, 0.8, 1.0, 2.0])
def test_tokens_are_softmax_distributed(temperature):
    """Chi-square of 200,000 tokens over 16 rows against softmax(logits / temperature)."""
    n, beta = 200_000, round(256 / temperature)
    logits = np.random.default_rng(0).normal(0, 1.5, 16)
    integers = np.round(logits * (1 << 16)).astype(np.int64)
    positions, rows = np.meshgrid(np.arange(n), np.arange(16), indexing="ij")
    tokens = np.argmax(score(integers, beta, gumbel(4, positions, rows)), axis=1)

    weights = np.exp(logits * (beta / 256))
    expected = n * weights / weights.sum()
    statistic = np.sum((np.bincount(tokens, minlength=16) - expected) ** 2 / expected)
    # 15 degrees of freedom: 30.6 at 1 %.
    assert statistic < 30.6
