"""The checked-in vectors are what the independent forward pass gives."""

import numpy as np
from safetensors.numpy import load_file

from published import VECTORS, checkpoint_logits


def test_vectors_are_current():
    logits = load_file(VECTORS)["logits"]

    np.testing.assert_allclose(checkpoint_logits((24, 52, 3, 29), 7, list(range(29))), logits,
                               rtol=1e-9, atol=1e-9)
