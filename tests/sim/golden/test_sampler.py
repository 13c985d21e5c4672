"""The sampler's golden model, and the models of its parts."""

import struct
from zlib import crc32

import numpy as np
import pytest

from trine.sim.golden.candidates import candidates
from trine.sim.golden.gumbel import gumbel
from trine.sim.golden.sampler import Sampler
from trine.sim.golden.score import score

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def logits(seed, n, low=INT32_MIN, high=INT32_MAX):
    return np.random.default_rng(seed).integers(low, high + 1, n)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("spread", [1, 1 << 31])
def test_candidates_are_the_best_in_order(n, spread):
    values = logits(n, n, -spread, spread - 1)

    expected = sorted(zip(values.tolist(), range(n)), key=lambda pair: (-pair[0], pair[1]))
    assert candidates(values) == expected[:64]


def test_score():
    values, noise = np.array([-1, 0, 1, INT32_MIN, INT32_MAX]), np.array([0, -5, 7, -12694, 90852])

    assert score(values, 1, noise).tolist() == [
        -1, -80, 112, (INT32_MIN >> 8) - 12694 * 16, (INT32_MAX >> 8) + 90852 * 16]
    assert np.abs(score(values, 0xFFFF, noise)).max() < 1 << 40


def test_tokens():
    sampler = Sampler()
    assert sampler.argmax() == sampler.sample(seed=1, position=2, beta=3) == 0
    values = logits(1, 500, -(1 << 18), 1 << 18)
    values[[7, 300]] = INT32_MAX
    sampler.feed(values)

    assert sampler.argmax() == 7
    noise = gumbel(5, 6, np.arange(500))
    assert sampler.sample(seed=5, position=6, beta=0) == np.argmax(noise)
    assert sampler.sample(seed=5, position=6, beta=0xFFFF) in (7, 300)


def test_rows_may_come_in_parts():
    values = logits(2, 300)
    whole, parts = Sampler(), Sampler()
    whole.feed(values)
    for part in np.split(values, [1, 20, 20, 250]):
        parts.feed(part)

    for results in (Sampler.argmax, Sampler.candidates, lambda sampler: sampler.crc,
                    lambda sampler: sampler.sample(seed=1, position=2, beta=300)):
        assert results(whole) == results(parts)


def test_the_crc_runs_on_from_token_to_token():
    sampler = Sampler()
    values = logits(3, 100)
    for part in (values[:60], values[60:]):
        sampler.clear()
        sampler.feed(part)
    assert sampler.crc == crc32(struct.pack("<100i", *values.tolist()))
    sampler.crc_clear()
    assert sampler.crc == 0


def test_the_buffer_is_limited():
    sampler = Sampler(logit_words=64)
    values = logits(4, 65)
    sampler.feed(values[:64])
    assert not sampler.overflow
    sampler.feed(values[64:])
    assert sampler.overflow
    assert sampler.buffer.tolist() == values[:64].tolist()
    sampler.clear()
    assert not sampler.overflow and len(sampler.buffer) == 0
