"""Host sampling against what each setting promises."""

import numpy as np
import pytest

from trine.host.sampling import Sampling

ROWS = np.array([7, 3, 9, 1])
#: Probabilities 0.5, 0.25, 0.125, 0.125 as logits with 16 fraction bits.
LOGITS = np.rint(np.log([4, 2, 1, 1]) * 65536).astype(np.int64)


def draw(n=4000, **settings):
    sampling = Sampling(**{"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0} | settings)
    tokens = [sampling.choose(ROWS, LOGITS, [7]) for _ in range(n)]
    return {row: tokens.count(row) / n for row in ROWS.tolist()}


def test_probabilities_are_the_softmax():
    shares = draw()

    assert abs(shares[7] - 0.5) < 0.03 and abs(shares[3] - 0.25) < 0.03


def test_temperature_zero_takes_the_best():
    assert draw(10, temperature=0)[7] == 1


def test_low_temperature_sharpens():
    assert abs(draw(temperature=0.5)[7] - 16 / 22) < 0.03


@pytest.mark.parametrize(("settings", "kept"), [
    ({"top_k": 2}, {7, 3}), ({"top_k": 1}, {7}), ({"top_p": 0.49}, {7}), ({"top_p": 0.6}, {7, 3}),
    ({"min_p": 0.4}, {7, 3}), ({"min_p": 1.0}, {7}), ({"top_p": 0.0}, {7}),
])
def test_cuts(settings, kept):
    assert {row for row, share in draw(500, **settings).items() if share} == kept


def test_repeat_penalty_prefers_others():
    # The best row's logit is positive, so it is divided.
    assert draw(10, repeat_penalty=10.0, temperature=0)[3] == 1


@pytest.mark.parametrize("settings", [{"temperature": -1}, {"top_p": 1.5}, {"top_k": -1},
                                      {"repeat_penalty": 0}])
def test_nonsense_is_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        Sampling(**settings)
