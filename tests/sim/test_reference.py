"""The golden model against the float reference, and the reference against itself."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from checkpoints import random_checkpoint
from trine.firmware.isa import LOGIT_FRACTION
from trine.host.export import export
from trine.sim.golden.mlgru import MLGRU
from trine.sim.reference import Reference, quantize, ternarize


def test_ternarize_rounds_to_the_mean_magnitude():
    trits, scale = ternarize(np.array([[0.4, -0.6], [2.0, -1.0]]))

    np.testing.assert_array_equal(trits, [[0, -1], [1, -1]])
    assert abs(scale - 1.0) < 1e-6


def test_codes_reach_127_and_no_further():
    codes, scale = quantize(np.array([[3.0, -6.0, 0.01]]))

    np.testing.assert_array_equal(codes, [[64, -127, 0]])
    assert scale == 6.0 / 127


def test_windows_do_not_matter():
    reference = Reference(*random_checkpoint(20, 40, 2, 33))
    tokens = np.random.default_rng(0).integers(0, 33, 20)
    whole, state = reference.forward(tokens, reference.zero_state())
    parts, part_state = [], reference.zero_state()
    for start in range(0, 20, 7):
        logits, part_state = reference.forward(tokens[start:start + 7], part_state)
        parts.append(logits)

    # BLAS sums in another order for other shapes.
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-9
    assert np.abs(part_state - state).max() < 1e-9


def test_golden_is_near_the_reference():
    """One layer, so that codes that flip at a rounding boundary do not pile up."""
    tensors, config = random_checkpoint(64, 96, 1, 50)
    tokens = np.random.default_rng(3).integers(0, 50, 40)
    reference = Reference(tensors, config)
    golden = MLGRU(export(tensors, config, tokens))

    expected, _ = reference.forward(tokens, reference.zero_state())
    logits = np.array([golden.step(token) for token in tokens]) / 2.0**LOGIT_FRACTION

    error = np.abs(logits - expected).max(1) / np.abs(expected).max()
    assert np.median(error) < 0.02
    assert np.mean(logits.argmax(1) == expected.argmax(1)) > 0.9


def test_reference_equals_the_independent_forward_pass():
    """The vectors come from PyTorch (tests/published.py); `make test-train` makes them anew."""
    path = Path(__file__).parents[1] / "data" / "reference_vectors.safetensors"
    reference = Reference(*random_checkpoint(24, 52, 3, 29, 7))
    logits, _ = reference.forward(list(range(29)), reference.zero_state())

    np.testing.assert_allclose(logits, load_file(path)["logits"], rtol=1e-9, atol=1e-9)
