"""docs/model-format.md is enough to read a model file and to compute what it stands for."""

import json
import re
from pathlib import Path

import numpy as np
from safetensors import safe_open

from checkpoints import TINY_PATH, tiny_model
from trine.sim.reference import Reference

PAGE = (Path(__file__).parents[2] / "docs/model-format.md").read_text()


def read(path):
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def five(byte):
    """Return the five trits of a byte, as the page says."""
    if byte & 0b11100 == 0b11100:
        three, two = byte >> 5 << 2 | byte & 3, 8
    else:
        three, two = byte & 31, byte >> 5
    assert three <= 26
    digits = [three % 3, three // 3 % 3, three // 9, two % 3, two // 3]
    return [(0, 1, -1)[digit] for digit in digits]


class Page:
    """A model as the page describes it, in floating point."""

    def __init__(self, path):
        self.tensors, metadata = read(path)
        self.head = json.loads(metadata["model"])
        self.scalar = {name: m * 2.0**e for name, (m, e) in self.head["scales"].items()}
        self.eps = self.head["eps"][0] * 2.0**self.head["eps"][1]
        self.state = np.zeros((self.head["n_layers"], self.head["dim"]))

    def gain(self, name):
        return self.tensors[name] * 2.0**-self.head["fractions"][name]

    def rms(self, x):
        return np.sqrt(np.mean(x * x) + self.eps)

    def project(self, name, x, before=1):
        gain = self.gain(f"{name}.gain")
        trits = np.array([five(byte) for byte in self.tensors[f"{name}.trits"].tolist()]).ravel()
        rows = len(trits) // len(gain)
        y = x * (gain / before) / self.rms(x)
        codes = np.rint(y * 127 / np.abs(y).max())
        return (trits[:rows * len(gain)].reshape(rows, -1) @ codes
                * np.abs(y).max() / 127 * self.scalar[name])

    def step(self, token):
        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        r = self.tensors["embedding"][token] * 2.0**-self.head["embedding_fraction"]
        for n in range(self.head["n_layers"]):
            name, norm = f"layers.{n}.", self.gain(f"layers.{n}.attn_norm")
            x = r * norm / self.rms(r)
            f, i, g = (self.project(name + key, x, norm) for key in "fig")
            forget = self.tensors.get(f"{name}forget_scale", np.array(65536)) * 2.0**-16
            f = 1 - forget * sigmoid(-f)
            self.state[n] = h = f * self.state[n] + (1 - f) * i * sigmoid(i)
            gated = h * sigmoid(h) * self.gain(f"{name}g_norm") * g / self.rms(g)
            r = r + self.project(f"{name}o", gated)
            norm = self.gain(f"{name}mlp_norm")
            both = self.project(f"{name}gate_up", r * norm / self.rms(r), norm)
            # Rows beyond the last are the padding of the last byte.
            gate, up = np.split(both[:2 * self.head["hidden_dim"]], 2)
            r = r + self.project(f"{name}down", gate * sigmoid(gate) * up)[:self.head["dim"]]
        norm = self.gain("norm")
        return self.project("head", r * norm / self.rms(r), norm)[:self.head["vocab_size"]]


def test_page_describes_the_file():
    """Formulas and fields of the page give the reference's logits."""
    page, reference = Page(TINY_PATH), Reference.of_model(tiny_model())
    expected, _ = reference.forward([5, 0, 17, 3], reference.zero_state())

    for token, logits in zip([5, 0, 17, 3], expected):
        np.testing.assert_allclose(page.step(token), logits, rtol=1e-9, atol=1e-9)


def test_every_field_is_on_the_page(tmp_path):
    model = tiny_model()
    model.save(tmp_path / "m.safetensors")
    tensors, metadata = read(tmp_path / "m.safetensors")
    names = {re.sub(r"layers\.\d+", "layers.N", name) for name in tensors}
    kinds = {re.sub(r"\.(trits|gain)$", "", name) for name in names}

    for key in [*metadata, *json.loads(metadata["model"]), *vars(model.layers[0].formats)]:
        assert f"`{key}`" in PAGE
    for name in kinds:
        assert f"`{name}`" in PAGE or f"`.{name.rsplit('.', 1)[-1]}`" in PAGE
    for key in ("source", "tokens", "largest", "golden_tokens", "saturations"):
        assert f"`{key}`" in PAGE
