"""Checkpoints as imported, under the float64 reference, equal the independent forward pass."""

import numpy as np
import pytest
import torch

from checkpoints import random_checkpoint, write_checkpoint
from published import published
from trine.host.checkpoint import Checkpoint
from trine.host.tokenizer import Tokenizer
from trine.sim.reference import Reference

#: The reference's names of the projections, and the published ones.
NAMES = {"i": "attn.i_proj", "f": "attn.f_proj", "g": "attn.g_proj", "o": "attn.o_proj",
         "gate_up": "mlp.gate_proj", "down": "mlp.down_proj"}


@pytest.mark.parametrize(("dtype", "shards"), [("BF16", 2), ("F16", 1), ("F32", 1)])
def test_logits_and_codes(tmp_path, dtype, shards):
    tensors, config = random_checkpoint(64, 152, 4, 80, 11)
    tokenizer = Tokenizer.train(["".join(map(chr, range(33, 112)))], kind="char")
    there = write_checkpoint(tmp_path, tensors, config, tokenizer.to_json(), dtype=dtype,
                             shards=shards)
    tokens = np.random.default_rng(5).integers(0, 80, 32).tolist()

    expected_codes, codes = {}, {}
    expected = published(
        {name: torch.tensor(tensor).double() for name, tensor in there.items()}, tokens, 4,
        lambda name, values: expected_codes.setdefault(name, []).append(values.numpy())).numpy()
    checkpoint = Checkpoint(tmp_path)
    reference = Reference(checkpoint, checkpoint.config)
    logits, _ = reference.forward(tokens, reference.zero_state(), codes.__setitem__)

    assert np.abs(logits - expected).max() <= 1e-9 * np.abs(expected).max()
    np.testing.assert_array_equal(codes["head.codes"], expected_codes["lm_head"])
    for n in range(4):
        for key, name in NAMES.items():
            np.testing.assert_array_equal(codes[f"layers.{n}.{key}.codes"],
                                          expected_codes[f"model.layers.{n}.{name}"])
    # Every projection's codes were compared, and none is trivial.
    assert len(expected_codes) == 25 and all(np.ptp(v) > 100 for v in expected_codes.values())
