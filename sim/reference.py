"""The float reference: the published mathematics of a MatMul-free LM checkpoint, readable.

Source: arXiv 2406.02528, sections 3.2 and 3.3, and the released code's order of operations: every
BitLinear has a norm of its own with eps 1e-6, the norm of the output gate sits on g_proj and the
SiLU on the recurrent state, lower bounds are the cumulated softmax over layers.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Reference", "quantize", "rmsnorm", "sigmoid", "silu", "ternarize"]

EPS = 1e-6


def ternarize(weight):
    """Return (trits int8, scale): ``weight`` is close to trits * scale.

    The trits are rounded in float32, as in training; the scale is a float64.

    weight : float (rows, cols); scale : float, max(mean(abs(weight)), 1e-5)
    """
    weight = np.asarray(weight, np.float32)
    scale = max(float(np.abs(weight).mean(dtype=np.float64)), 1e-5)
    return np.clip(np.rint(weight * np.float32(1 / scale)), -1, 1).astype(np.int8), scale


def rmsnorm(x, gain):
    """Return x / rms(x) * gain over the last axis."""
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + x.dtype.type(EPS)) * gain


def quantize(x):
    """Return (codes, scale): int8 codes as floats, x is close to codes * scale, per token."""
    scale = np.maximum(np.abs(x).max(-1, keepdims=True), x.dtype.type(1e-5)) / x.dtype.type(127)
    return np.clip(np.rint(x / scale), -128, 127), scale


def sigmoid(x):
    """Return 1 / (1 + exp(-x)) without overflow."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


def silu(x):
    """Return x * sigmoid(x)."""
    return x * sigmoid(x)


@dataclass(frozen=True)
class _BitLinear:
    trits: np.ndarray
    scale: float
    gain: np.ndarray

    def __call__(self, x):
        codes, scale = quantize(rmsnorm(x, self.gain))
        # BLAS kernels may raise floating-point flags for lanes that they load and never use.
        with np.errstate(all="ignore"):
            sums = codes @ self.trits.T
        return sums * scale * x.dtype.type(self.scale)


class Reference:
    """A checkpoint in floating point.

    Parameters
    ----------
    tensors : dict of str to float arrays, keys of the Hugging Face layout (``hgrn_bit``)
    config : dict, its config.json
    dtype : numpy float type in which everything but the ternarisation is computed
    """

    def __init__(self, tensors, config, dtype=np.float64):
        self.dtype = np.dtype(dtype)
        self.dim = config["hidden_size"]
        self.hidden_dim = config["intermediate_size"]
        self.n_layers = config["num_hidden_layers"]
        self.vocab_size = config["vocab_size"]
        self.embedding = self._float(tensors["model.embeddings.weight"])
        self.norm = self._float(tensors["model.norm.weight"])
        self.head = self._linear(tensors, "lm_head")
        if config.get("use_lower_bound", True):
            share = self._float(tensors["model.lower_bounds"])
            share = np.exp(share - share.max(0))
            share /= share.sum(0)
            self.lower_bounds = np.cumsum(share, 0) - share[0]
        else:
            self.lower_bounds = np.zeros((self.n_layers, self.dim), self.dtype)
        self.layers = []
        for n in range(self.n_layers):
            name = f"model.layers.{n}."
            layer = {key: self._linear(tensors, f"{name}attn.{key}_proj") for key in "ifgo"}
            layer["gate_up"] = self._linear(tensors, f"{name}mlp.gate_proj")
            layer["down"] = self._linear(tensors, f"{name}mlp.down_proj")
            for key, tensor in (("attn_norm", "attn_norm"), ("mlp_norm", "mlp_norm"),
                                ("g_norm", "attn.g_norm")):
                layer[key] = self._float(tensors[f"{name}{tensor}.weight"])
            self.layers.append(layer)

    def _float(self, tensor):
        return np.asarray(tensor).astype(self.dtype)

    def _linear(self, tensors, name):
        trits, scale = ternarize(tensors[f"{name}.weight"])
        gain = self._float(tensors[f"{name}.norm.weight"])
        return _BitLinear(trits.astype(self.dtype), scale, gain)

    def zero_state(self):
        """Return the state before the first token: float (n_layers, dim)."""
        return np.zeros((self.n_layers, self.dim), self.dtype)

    def forward(self, tokens, state, watch=None):
        """Return the logits (len(tokens), vocab_size) and the state behind the last token.

        ``watch(name, values)`` is called with every vector whose number format is calibrated.
        """
        watch = watch or (lambda name, values: None)
        state = state.copy()
        r = self.embedding[np.asarray(tokens)]
        for n, layer in enumerate(self.layers):
            name = f"layers.{n}."
            x = rmsnorm(r, layer["attn_norm"])
            i, f, g = layer["i"](x), layer["f"](x), layer["g"](x)
            keep = self.lower_bounds[n] + (1 - self.lower_bounds[n]) * sigmoid(f)
            write = silu(i) * (1 - keep)
            h = np.empty_like(write)
            last = state[n]
            for t in range(len(write)):
                last = h[t] = keep[t] * last + write[t]
            state[n] = last
            o = g * layer["g_norm"] * silu(h)
            rms_g = np.sqrt(np.mean(g * g, -1, keepdims=True) + self.dtype.type(EPS))
            watch(f"{name}i", i), watch(f"{name}f", f), watch(f"{name}g", g)
            watch(f"{name}state", h), watch(f"{name}state", silu(i)), watch(f"{name}o", o)
            r = r + layer["o"](o / rms_g)
            watch("residual", r)
            x = layer["gate_up"](rmsnorm(r, layer["mlp_norm"]))
            gate, up = x[:, :self.hidden_dim], x[:, self.hidden_dim:]
            z = silu(gate) * up
            watch(f"{name}gate_up", x), watch(f"{name}z", z)
            r = r + layer["down"](z)
            watch("residual", r)
        return self.head(rmsnorm(r, self.norm)), state
