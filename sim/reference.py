"""The float reference: the published mathematics of a MatMul-free LM checkpoint, readable.

Source: arXiv 2406.02528, sections 3.2 and 3.3, and the released code's order of operations: every
BitLinear has a norm of its own with eps 1e-6, the norm of the output gate sits on g_proj and the
SiLU on the recurrent state, lower bounds are the cumulated softmax over layers.
"""

from dataclasses import dataclass

import numpy as np

from .golden.scalar import to_float

__all__ = ["EPS", "BitLinear", "Block", "Reference", "lower_bounds", "quantize", "rmsnorm",
           "sigmoid", "silu", "ternarize"]

EPS = 1e-6


def ternarize(weight):
    """Return (trits int8, scale): ``weight`` is close to trits * scale.

    The trits are rounded in float32, as in training; the scale is a float64.

    weight : float (rows, cols); scale : float, max(mean(abs(weight)), 1e-5)
    """
    weight = np.asarray(weight, np.float32)
    scale = max(float(np.abs(weight).mean(dtype=np.float64)), 1e-5)
    rounded = weight * np.float32(1 / scale)
    np.rint(rounded, out=rounded)
    return np.clip(rounded, -1, 1, out=rounded).astype(np.int8), scale


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


def lower_bounds(tensors, config, dtype=np.float64):
    """Return each layer's lower bound of the forget gate, float (n_layers, dim)."""
    if not config.get("use_lower_bound", True):
        return np.zeros((config["num_hidden_layers"], config["hidden_size"]), dtype)
    share = np.asarray(tensors["model.lower_bounds"]).astype(dtype)
    share = np.exp(share - share.max(0))
    share /= share.sum(0)
    return np.cumsum(share, 0) - share[0]


@dataclass(frozen=True)
class BitLinear:
    """A projection: trits as floats, (rows, cols), their one scale, and the gain of its norm."""

    trits: np.ndarray
    scale: float
    gain: np.ndarray

    @classmethod
    def of_checkpoint(cls, tensors, name, dtype):
        """Return the projection of a checkpoint, ternarised once."""
        trits, scale = ternarize(tensors[f"{name}.weight"])
        gain = np.asarray(tensors[f"{name}.norm.weight"]).astype(dtype)
        return cls(trits.astype(dtype), scale, gain)

    @classmethod
    def of_model(cls, projection, before, dtype):
        """Return a Model's projection; ``before`` is the gain of the norm in front, or None."""
        gain = _real(projection.gain, dtype)
        if before is not None:
            # The Model keeps the product of both gains. Where that is zero, so is the result.
            gain = np.divide(gain, before, out=np.zeros_like(gain), where=before != 0)
        return cls(projection.trits.astype(dtype), to_float(projection.scale), gain)

    def __call__(self, x, watch=None):
        """Return the projection of x, (tokens, cols); ``watch`` is called with the int8 codes."""
        codes, scale = quantize(rmsnorm(x, self.gain))
        if watch:
            watch(codes)
        # BLAS kernels may raise floating-point flags for lanes that they load and never use.
        with np.errstate(all="ignore"):
            sums = codes @ self.trits.T
        return sums * scale * x.dtype.type(self.scale)


def _real(gain, dtype):
    return np.ldexp(gain.values.astype(dtype), -gain.fraction)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One layer in floating point: MLGRU token mixer and GLU channel mixer."""

    attn_norm: np.ndarray
    i: BitLinear
    f: BitLinear
    g: BitLinear
    g_norm: np.ndarray
    o: BitLinear
    lower_bound: np.ndarray
    mlp_norm: np.ndarray
    gate_up: BitLinear
    down: BitLinear

    @classmethod
    def of_checkpoint(cls, tensors, n, lower_bound, dtype=np.float64):
        """Return layer ``n`` of a checkpoint."""
        name = f"model.layers.{n}."

        def gain(key):
            return np.asarray(tensors[f"{name}{key}.weight"]).astype(dtype)

        def linear(key):
            return BitLinear.of_checkpoint(tensors, name + key, dtype)

        return cls(attn_norm=gain("attn_norm"), g_norm=gain("attn.g_norm"),
                   mlp_norm=gain("mlp_norm"), lower_bound=lower_bound,
                   **{key: linear(f"attn.{key}_proj") for key in "ifgo"},
                   gate_up=linear("mlp.gate_proj"), down=linear("mlp.down_proj"))

    @classmethod
    def of_model(cls, layer, dtype=np.float64):
        """Return what the integers of a Model's layer stand for."""
        attn, mlp = _real(layer.attn_norm, dtype), _real(layer.mlp_norm, dtype)
        lower = (np.zeros_like(attn) if layer.forget_scale is None
                 else 1 - np.ldexp(layer.forget_scale.astype(dtype), -16))
        return cls(attn_norm=attn, g_norm=_real(layer.g_norm, dtype), mlp_norm=mlp,
                   lower_bound=lower,
                   **{key: BitLinear.of_model(getattr(layer, key), attn, dtype) for key in "ifg"},
                   o=BitLinear.of_model(layer.o, None, dtype),
                   gate_up=BitLinear.of_model(layer.gate_up, mlp, dtype),
                   down=BitLinear.of_model(layer.down, None, dtype))

    def forward(self, r, last, watch=lambda name, values: None):
        """Return the residual behind the block, (tokens, dim), and the recurrent state.

        r : float (tokens, dim); last : float (dim,), the state before the first of them;
        ``watch(name, values)`` is called with every vector that a Model has a format for (products
        that the golden model scales later stand here as they are there) and every code
        """
        def project(key, x):
            return getattr(self, key)(x, lambda codes: watch(f"{key}.codes", codes))

        x = rmsnorm(r, self.attn_norm)
        i, f, g = project("i", x), project("f", x), project("g", x)
        keep = self.lower_bound + (1 - self.lower_bound) * sigmoid(f)
        write = silu(i)
        new = write * (1 - keep)
        h = np.empty_like(new)
        for t in range(len(new)):
            last = h[t] = keep[t] * last + new[t]
        o = g * self.g_norm * silu(h)
        rms_g = np.sqrt(np.mean(g * g, -1, keepdims=True) + r.dtype.type(EPS))
        for name, values in (("i", i), ("f", f), ("g", g), ("write", write), ("state", h),
                             ("o", o)):
            watch(name, values)
        r = r + project("o", o / rms_g)
        watch("mixed", r)
        x = project("gate_up", rmsnorm(r, self.mlp_norm))
        gate, up = np.split(x, 2, -1)
        z = silu(gate) * up
        watch("gate_up", x)
        watch("z", z)
        r = r + project("down", z)
        watch("residual", r)
        return r, last


class Reference:
    """A checkpoint in floating point.

    Parameters
    ----------
    tensors : mapping of str to float arrays, keys of the Hugging Face layout (``hgrn_bit``)
    config : dict, its config.json
    dtype : numpy float type in which everything but the ternarisation is computed
    """

    def __init__(self, tensors, config, dtype=np.float64):
        lower = lower_bounds(tensors, config, dtype)
        self._assemble(
            embedding=np.asarray(tensors["model.embeddings.weight"]).astype(dtype),
            blocks=[Block.of_checkpoint(tensors, n, lower[n], dtype) for n in range(len(lower))],
            norm=np.asarray(tensors["model.norm.weight"]).astype(dtype),
            head=BitLinear.of_checkpoint(tensors, "lm_head", dtype))

    @classmethod
    def of_model(cls, model, dtype=np.float64):
        """Return what the integers of a Model stand for, without the checkpoint they came from."""
        norm = _real(model.norm, dtype)
        reference = cls.__new__(cls)
        reference._assemble(
            embedding=np.ldexp(model.embedding.astype(dtype), -model.embedding_fraction),
            blocks=[Block.of_model(layer, dtype) for layer in model.layers],
            norm=norm, head=BitLinear.of_model(model.head, norm, dtype))
        return reference

    def _assemble(self, *, embedding, blocks, norm, head):
        self.embedding, self.blocks, self.norm, self.head = embedding, blocks, norm, head
        self.dtype = embedding.dtype

    @property
    def lower_bounds(self):
        """Each layer's lower bound of the forget gate, float (n_layers, dim)."""
        return np.array([block.lower_bound for block in self.blocks])

    def zero_state(self):
        """Return the state before the first token: float (n_layers, dim)."""
        return np.zeros((len(self.blocks), self.embedding.shape[1]), self.dtype)

    def forward(self, tokens, state, watch=None):
        """Return the logits (len(tokens), vocab_size) and the state behind the last token.

        ``watch(name, values)`` is called with every vector whose number format is calibrated, as
        ``layers.<n>.<name>``, with every code, and with the logits.
        """
        watch = watch or (lambda name, values: None)
        state = state.copy()
        r = self.embedding[np.asarray(tokens)]
        watch("embedding", r)
        for n, block in enumerate(self.blocks):
            r, state[n] = block.forward(
                r, state[n], lambda key, values, n=n: watch(f"layers.{n}.{key}", values))
        logits = self.head(rmsnorm(r, self.norm), lambda codes: watch("head.codes", codes))
        watch("logits", logits)
        return logits, state
