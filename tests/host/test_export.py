"""The exporter: floats become the nearest integers of their format, bad weights are named."""

import numpy as np
import pytest

import trine.host
from checkpoints import random_checkpoint, random_model
from trine.host.calibration import fraction_bits, sample_tokens
from trine.host.export import export
from trine.sim.reference import Reference

SHAPE = (24, 52, 3, 29)


def near(integers, fraction, values):
    """Say whether integers with ``fraction`` bits are the nearest to ``values``, but for ties."""
    return np.abs(integers - np.asarray(values, np.float64) * 2.0**fraction).max() <= 0.5 + 1e-6


def test_gains_and_bounds_are_the_nearest_integers():
    tensors, config = random_checkpoint(*SHAPE)
    reference, model = Reference(tensors, config), random_model(*SHAPE)
    name = "model.layers.2."

    layer = model.layers[2]
    attn = tensors[f"{name}attn_norm.weight"].astype(np.float64)
    inner = tensors[f"{name}attn.f_proj.norm.weight"].astype(np.float64)
    assert near(layer.attn_norm.values, layer.attn_norm.fraction, attn)
    assert near(layer.f.gain.values, layer.f.gain.fraction, attn * inner)
    assert 1 << 14 <= np.abs(layer.f.gain.values).max() < 1 << 15
    assert near(layer.forget_scale, 16, 1 - reference.lower_bounds[2])
    assert model.layers[0].forget_scale is None
    assert near(model.embedding, model.embedding_fraction, reference.embedding)


@pytest.mark.parametrize(("largest", "bits"), [(1.0, 24), (15.9, 24), (16.1, 23), (100, 21)])
def test_formats_keep_their_headroom(largest, bits):
    assert fraction_bits(largest) == bits
    assert largest * 2.0**bits * 8 < 1 << 31


def test_weights_that_are_not_finite_are_named():
    tensors, config = random_checkpoint(*SHAPE)
    tensors["model.layers.1.attn.o_proj.weight"][3, 4] = np.nan

    with pytest.raises(ValueError, match=r"Tensor model\.layers\.1\.attn\.o_proj\.weight holds"):
        export(tensors, config, [1, 2, 3])


def test_a_matrix_of_zeros_is_named():
    tensors, config = random_checkpoint(*SHAPE)
    tensors["lm_head.weight"][:] = 0

    with pytest.raises(ValueError, match=r"All weights of tensor lm_head\.weight are zero"):
        export(tensors, config, [1, 2, 3])


def test_without_a_sample_the_whole_vocabulary_calibrates():
    tensors, config = random_checkpoint(*SHAPE)

    model = trine.host.export(tensors, {key: value for key, value in config.items()
                                        if key not in ("rms_norm_eps", "use_lower_bound")})

    expected = export(tensors, config, sample_tokens(SHAPE[-1]))
    assert [layer.formats for layer in model.layers] == [layer.formats
                                                         for layer in expected.layers]
    np.testing.assert_array_equal(model.head.trits, expected.head.trits)


@pytest.mark.parametrize(("change", "message"), [
    (lambda tensors, config: config.pop("model_type"), "describes a model of type unknown"),
    (lambda tensors, config: config.update(use_short_conv=True), "has no short convolution"),
    (lambda tensors, config: config.update(hidden_size=0),
     "Field hidden_size of the configuration"),
    (lambda tensors, config: tensors.pop("lm_head.weight"),
     r"The network lacks the tensor lm_head\.weight"),
    (lambda tensors, config: tensors.update(extra=np.zeros(3)),
     "The network has the tensor extra, which Trine does not know"),
    (lambda tensors, config: tensors.update({"model.norm.weight": np.ones(23)}),
     r"Tensor model\.norm\.weight of the network has the shape \(23,\), \(24,\) belongs there"),
])
def test_a_network_of_another_kind_is_refused(change, message):
    tensors, config = random_checkpoint(*SHAPE)
    change(tensors, config)

    with pytest.raises(ValueError, match=message):
        export(tensors, config)
