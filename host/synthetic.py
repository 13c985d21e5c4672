"""Synthetic models: random ternary weights in any shape, to measure machines with."""

from dataclasses import dataclass, field

import numpy as np

from trine.firmware import model as firmware
from trine.firmware.compiler import compile_image
from trine.sim.golden.scalar import from_float

from .calibration import fraction_bits

__all__ = ["SHAPES", "Shape", "SyntheticModel", "parse_shape", "synthetic_model"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of an MLGRU language model.

    layers : blocks; dim : width of the residual stream; hidden : width of the channel mixer;
    vocab : tokens
    """

    layers: int
    dim: int
    hidden: int
    vocab: int

    def __post_init__(self):
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"Size {name} of a synthetic model must be 1 or more, not {value}")

    @property
    def text(self):
        """The shape as :func:`parse_shape` reads it."""
        return ",".join(f"{name}={value}" for name, value in vars(self).items())


#: Shapes by name. The first is as large as fits the preset `ulx3s`, the second as published.
SHAPES = {
    "synthetic-25m": Shape(layers=10, dim=400, hidden=1520, vocab=1024),
    "synthetic-370m": Shape(layers=24, dim=1024, hidden=2816, vocab=32000),
}


@dataclass(frozen=True, kw_only=True)
class SyntheticModel(firmware.Model):
    """A model of random integers, without a tokenizer.

    card : dict with the name of what was asked for
    """

    card: dict = field(default_factory=dict)

    def image(self, config):
        """Return the memory image for a machine of ``config`` (:func:`compile_image`)."""
        return compile_image(self, config)


def parse_shape(text):
    """Return the :class:`Shape` that ``text`` names, or None where it names no synthetic model.

    text : a name of :data:`SHAPES`, or ``synthetic:layers=8,dim=512,hidden=1408,vocab=1024``

    Raises ValueError with one sentence where the sizes cannot be read.
    """
    if text in SHAPES:
        return SHAPES[text]
    if not text.startswith("synthetic"):
        return None
    kind, _, sizes = text.partition(":")
    example = "synthetic:layers=8,dim=256,hidden=704,vocab=1024"
    if kind != "synthetic" or not sizes:
        raise ValueError(f"Synthetic model {text!r} is not known; take {', '.join(SHAPES)} or "
                         f"{example}")
    try:
        return Shape(**{name: int(value) for name, value in (
            part.split("=") for part in sizes.split(","))})
    except TypeError:
        raise ValueError(f"Synthetic model {text!r} must name layers, dim, hidden and vocab, as "
                         f"in {example}") from None
    except ValueError as error:
        if "must be 1 or more" in str(error):
            raise
        raise ValueError(f"Synthetic model {text!r} cannot be read; write it as in "
                         f"{example}") from None


def synthetic_model(shape, *, name="synthetic", seed=1):
    """Return a :class:`SyntheticModel` of ``shape``.

    A third of the weights are zeros; gains lie between 1/2 and 1. The projections' scales give
    outputs of variance one, so the number formats follow from the shape and nothing saturates.
    """
    rng = np.random.default_rng(seed)

    def gain(n):
        return firmware.Gain(values=rng.integers(1 << 14, 1 << 15, n).astype(np.int16), fraction=15)

    def projection(rows, cols):
        # Mean square of a weight times that of a gain: 2/3 * 7/12.
        return firmware.Projection(trits=rng.integers(-1, 2, (rows, cols), np.int8),
                                   scale=from_float((cols * 7 / 18) ** -0.5), gain=gain(cols))

    def layer(first):
        d = shape.dim
        return firmware.Layer(
            attn_norm=gain(d), f=projection(d, d), i=projection(d, d), g=projection(d, d),
            g_norm=gain(d), o=projection(d, d),
            # The first layer has no lower bound.
            forget_scale=None if first else rng.integers(1, 1 << 16, d).astype(np.uint16),
            mlp_norm=gain(d), gate_up=projection(2 * shape.hidden, d),
            down=projection(d, shape.hidden), formats=formats)

    # A vector of variance one stays below 8, a product of two below 64; each block adds two.
    one, product = fraction_bits(8), fraction_bits(64)
    formats = firmware.Formats(f=one, i=one, g=one, state=one, o=product, gate_up=one, z=product)
    return SyntheticModel(
        embedding=rng.integers(-1 << 15, 1 << 15, (shape.vocab, shape.dim), np.int16),
        embedding_fraction=15,
        residual_fraction=max(15, fraction_bits(8 * (1 + 2 * shape.layers) ** 0.5)),
        layers=tuple(layer(first=n == 0) for n in range(shape.layers)), norm=gain(shape.dim),
        head=projection(shape.vocab, shape.dim), eps=from_float(1e-6), card={"name": name})
