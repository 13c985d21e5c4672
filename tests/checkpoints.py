"""Checkpoints with random weights in the Hugging Face layout, and the tiny model made from one."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from trine.host.export import export
from trine.host.model import Model
from trine.host.tokenizer import Tokenizer

__all__ = ["TINY_PATH", "make_tiny_model", "random_checkpoint", "random_model", "rounded",
           "tiny_model", "write_checkpoint"]

#: The tiny model as it is checked in; `python tests/checkpoints.py` writes it.
TINY_PATH = Path(__file__).parent / "data" / "tiny.safetensors"


def random_checkpoint(dim, hidden_dim, n_layers, vocab_size, seed=0):
    """Return (tensors, config) of a checkpoint whose weights are random."""
    rng = np.random.default_rng(seed)
    tensors = {}

    def gain(name, n):
        tensors[f"{name}.weight"] = np.exp(rng.normal(0, 0.3, n)).astype(np.float32)

    def linear(name, rows, cols):
        weight = rng.normal(0, 1 / np.sqrt(cols), (rows, cols))
        tensors[f"{name}.weight"] = weight.astype(np.float32)
        gain(f"{name}.norm", cols)

    embedding = rng.normal(0, 0.5, (vocab_size, dim)).astype(np.float32)
    tensors["model.embeddings.weight"] = embedding
    tensors["model.lower_bounds"] = rng.normal(0, 1, (n_layers, dim)).astype(np.float32)
    for n in range(n_layers):
        name = f"model.layers.{n}."
        for key in ("attn_norm", "mlp_norm", "attn.g_norm"):
            gain(name + key, dim)
        for key in "ifgo":
            linear(f"{name}attn.{key}_proj", dim, dim)
        linear(f"{name}mlp.gate_proj", 2 * hidden_dim, dim)
        linear(f"{name}mlp.down_proj", dim, hidden_dim)
    gain("model.norm", dim)
    linear("lm_head", vocab_size, dim)
    return tensors, {"hidden_size": dim, "intermediate_size": hidden_dim, "rms_norm_eps": 1e-6,
                     "num_hidden_layers": n_layers, "vocab_size": vocab_size,
                     "use_lower_bound": True, "model_type": "hgrn_bit"}


def rounded(tensor, dtype):
    """Return a float32 tensor rounded to BF16, F16 or F32, and its bytes as a file has them."""
    if dtype == "BF16":
        bits = tensor.view(np.uint32).astype(np.uint64)
        # To the nearest, ties to even.
        half = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
        return (half.astype(np.uint32) << 16).view(np.float32), half.tobytes()
    narrow = tensor.astype("<f2" if dtype == "F16" else "<f4")
    return narrow.astype(np.float32), narrow.tobytes()


def write_checkpoint(folder, tensors, config, tokenizer, *, dtype="F32", shards=1):
    """Write a checkpoint as the published ones are laid out; return its tensors as rounded.

    The files are written byte by byte, not by the library that may read them. ``tokenizer`` may be
    the text of a tokenizer.json or None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(tokenizer)
    names, there, listed = sorted(tensors), {}, {}
    for shard in range(shards):
        file = ("model.safetensors" if shards == 1
                else f"model-{shard + 1:05}-of-{shards:05}.safetensors")
        header, data = {}, b""
        for name in names[shard::shards]:
            there[name], content = rounded(tensors[name], dtype)
            header[name] = {"dtype": dtype, "shape": tensors[name].shape,
                            "data_offsets": [len(data), len(data) + len(content)]}
            data, listed[name] = data + content, file
        text = json.dumps(header).encode()
        (folder / file).write_bytes(len(text).to_bytes(8, "little") + text + data)
    if shards > 1:
        index = {"metadata": {}, "weight_map": listed}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return there


@cache
def random_model(dim, hidden_dim, n_layers, vocab_size, seed=0):
    """Return an integer Model with random weights."""
    tensors, config = random_checkpoint(dim, hidden_dim, n_layers, vocab_size, seed)
    rng = np.random.default_rng(seed + 1)
    return export(tensors, config, rng.integers(0, vocab_size, 64))


def make_tiny_model():
    """Return the tiny model: no dimension is a multiple of the tiny machine's lanes."""
    tokenizer = Tokenizer.train(["abcdefghijklmnopqrstuvwxyz ."], kind="char")
    return Model.from_integers(random_model(24, 52, 2, tokenizer.vocab_size, 7), tokenizer,
                               {"name": "tiny", "data": "none: random weights, for tests"})


@cache
def tiny_model():
    """Return the tiny model from its file."""
    return Model.load(TINY_PATH)


if __name__ == "__main__":
    TINY_PATH.parent.mkdir(exist_ok=True)
    make_tiny_model().save(TINY_PATH)
