"""The Model: everything of a trained MLGRU language model that reaches a board, as integers.

Source: "Scalable MatMul-free Language Modeling", arXiv 2406.02528, sections 3.2 and 3.3.
"""

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["Formats", "Gain", "Layer", "Model", "Projection"]


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A gain vector: real value = values * 2^-fraction.

    values : int16 (n,), |values| < 2^15; fraction : int, so chosen that the largest uses 15 bits
    """

    values: np.ndarray
    fraction: int


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A BitLinear projection: norm gain, ternary weights and their one scale.

    trits : int8 (rows, cols), each -1, 0 or +1
    scale : (m, e), the mean magnitude of the float weights, real value = m * 2^e
    gain : Gain (cols,), the gains of all norms in front of the projection multiplied together
    """

    trits: np.ndarray
    scale: tuple[int, int]
    gain: Gain


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Fraction bits of a layer's vectors, chosen by calibration.

    f, i, g : outputs of these projections; state : h and silu(i); o : input of o's norm;
    gate_up : both halves of the channel mixer's first projection; z : input of down's norm
    """

    f: int
    i: int
    g: int
    state: int
    o: int
    gate_up: int
    z: int


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One block: MLGRU token mixer and GLU channel mixer.

    attn_norm, mlp_norm : Gain (dim,), the block norms, for the scale of the second norm
    f, i, g, o : Projection (dim, dim); g_norm : Gain (dim,)
    forget_scale : uint16 (dim,), 1 - lower bound with 16 fraction bits, or None where it is 1
    gate_up : Projection (2 * hidden_dim, dim), gate rows first; down : Projection (dim, hidden_dim)
    """

    attn_norm: Gain
    f: Projection
    i: Projection
    g: Projection
    g_norm: Gain
    o: Projection
    forget_scale: np.ndarray | None
    mlp_norm: Gain
    gate_up: Projection
    down: Projection
    formats: Formats


@dataclass(frozen=True, kw_only=True)
class Model:
    """A whole model.

    embedding : int16 (vocab_size, dim), real value = embedding * 2^-embedding_fraction
    residual_fraction : fraction bits of the residual stream, not below embedding_fraction
    norm : Gain (dim,), the final norm; head : Projection (vocab_size, dim)
    eps : (m, e), added to every mean square
    """

    embedding: np.ndarray
    embedding_fraction: int
    residual_fraction: int
    layers: tuple[Layer, ...]
    norm: Gain
    head: Projection
    eps: tuple[int, int]

    @property
    def dim(self):
        """Width of the residual stream."""
        return self.embedding.shape[1]

    @property
    def hidden_dim(self):
        """Width of the channel mixer."""
        return self.layers[0].down.trits.shape[1]

    @property
    def n_layers(self):
        """Number of blocks."""
        return len(self.layers)

    @property
    def vocab_size(self):
        """Number of tokens."""
        return self.embedding.shape[0]

    @property
    def projections(self):
        """All projections by name, in the order of their use."""
        named = {}
        for n, layer in enumerate(self.layers):
            for f in fields(layer):
                if isinstance(getattr(layer, f.name), Projection):
                    named[f"layers.{n}.{f.name}"] = getattr(layer, f.name)
        return named | {"head": self.head}

    @property
    def ternary_weights(self):
        """Number of ternary weights, all of which every token uses."""
        return sum(p.trits.size for p in self.projections.values())
