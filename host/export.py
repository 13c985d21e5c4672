"""From a float checkpoint to the integer Model: ternarise, calibrate, choose number formats."""

from collections.abc import Mapping
from math import ceil, log2

import numpy as np

from trine.firmware.model import Formats, Gain, Layer, Model, Projection
from trine.firmware.program import product_shifts
from trine.sim.golden.scalar import from_float
from trine.sim.reference import BitLinear, Block, lower_bounds, rmsnorm

from .calibration import Largest, fraction_bits, sample_tokens
from .checkpoint import check_shapes, complete

__all__ = ["Exporter", "export"]

#: Tokens that pass through a layer at once, and rows of a table that are rounded at once.
_WINDOW, _ROWS = 256, 4096
#: The vectors of a layer that have a format of their own.
_FORMATS = ("f", "i", "g", "state", "o", "gate_up", "z")


class _Finite(Mapping):
    """Tensors as float32 arrays, each refused where it holds what is no number."""

    def __init__(self, tensors):
        self.tensors = tensors

    def __getitem__(self, name):
        tensor = self.tensors[name]
        if hasattr(tensor, "detach"):  # PyTorch's; NumPy knows no bfloat16, and no GPU
            tensor = tensor.detach().cpu().float().numpy()
        tensor = np.asarray(tensor, np.float32)
        if not np.isfinite(tensor).all():
            raise ValueError(f"Tensor {name} holds values that are not finite; train again from an "
                             f"earlier checkpoint")
        return tensor

    def __iter__(self):
        return iter(self.tensors)

    def __len__(self):
        return len(self.tensors)


def _integers(values, fraction, dtype):
    limits = np.iinfo(dtype)
    scaled = np.rint(np.asarray(values, np.float64) * 2.0**fraction)
    return np.clip(scaled, limits.min, limits.max).astype(dtype)


def _gain(values):
    values = np.asarray(values, np.float64)
    # A gain of zeros has no size: any fraction will do.
    fraction = 15 - ceil(log2(max(np.abs(values).max() or 1.0, 2.0**-40)))
    if np.rint(np.abs(values).max() * 2.0**fraction) > 32767:
        fraction -= 1
    return Gain(values=_integers(values, fraction, np.int16), fraction=fraction)


def _projection(name, linear, before=1.0, rows=slice(None)):
    trits = linear.trits.astype(np.int8)
    if not trits.any():
        raise ValueError(f"All weights of tensor {name}.weight are zero once ternarised; train "
                         f"again from an earlier checkpoint")
    return Projection(trits=trits[rows], scale=from_float(linear.scale),
                      gain=_gain(linear.gain * before))


def _check(n, formats, g_norm, largest):
    """Refuse a layer whose vectors no format or no shift of the machine can bring together."""
    for key in ("f", "i", "state", "gate_up"):
        if getattr(formats, key) < 0:
            raise ValueError(f"Vector {key} of layer {n} reaches {largest[key]:.2g} in "
                             f"calibration, more than a format holds; train again from an earlier "
                             f"checkpoint")
    for key, shift in product_shifts(formats, g_norm.fraction).items():
        if not 0 <= shift < 64:
            raise ValueError(f"Vector {key} of layer {n} and those that it is made of differ too "
                             f"much in size, by 2^{shift}; train again from an earlier checkpoint")


class Exporter:
    """Makes the parts of a Model one after the other: embedding, each layer, head.

    Only one part is in memory at a time, and the residual streams of the samples, which pass
    through each layer of the reference before its formats are chosen.

    Parameters
    ----------
    tensors : mapping of str to float arrays, the Hugging Face layout's keys
    config : dict, its config.json
    samples : lists of int, tokens over which the number formats are calibrated
    rows : int array, the tokens that the model keeps; all by default

    Attributes
    ----------
    largest : :class:`Largest`
        The largest magnitudes so far.

    Raises
    ------
    ValueError
        Where a matrix has no weight that is not zero, or a tensor is not finite.
    """

    def __init__(self, tensors, config, samples, rows=None):
        self.tensors, self.samples = _Finite(tensors), samples
        self.rows = slice(None) if rows is None else rows
        self.lower = lower_bounds(self.tensors, config)
        self.eps = from_float(config["rms_norm_eps"])
        self.largest = Largest()

    def embedding(self):
        """Return the table, int16 (vocab_size, dim), and its fraction bits."""
        table = self.tensors["model.embeddings.weight"]
        self.residuals = [table[np.asarray(sample)].astype(np.float64) for sample in self.samples]
        table = table[self.rows]
        largest = max(float(table.max()), -float(table.min()))
        self.largest["embedding"] = largest
        fraction = fraction_bits(largest, bits=15, headroom=0)
        integers = np.empty(table.shape, np.int16)
        for start in range(0, len(table), _ROWS):
            part = slice(start, start + _ROWS)
            integers[part] = _integers(table[part], fraction, np.int16)
        self.embedding_fraction = fraction
        return integers, fraction

    def _forward(self, n, block):
        for r in self.residuals:
            state = np.zeros(r.shape[1])
            for start in range(0, len(r), _WINDOW):
                part = slice(start, start + _WINDOW)
                r[part], state = block.forward(r[part], state, lambda key, values: (
                    self.largest.watch(f"layers.{n}.{key}", values)))

    def layer(self, n):
        """Return layer ``n``, a :class:`~trine.firmware.model.Layer`; they come in order."""
        block = Block.of_checkpoint(self.tensors, n, self.lower[n])
        self._forward(n, block)
        name, lower = f"model.layers.{n}.", self.lower[n]
        attn, mlp = block.attn_norm, block.mlp_norm
        largest = {key: self.largest[f"layers.{n}.{key}"] for key in _FORMATS}
        # silu(i) has the state's format.
        largest["state"] = max(largest["state"], self.largest[f"layers.{n}.write"])
        formats = {key: fraction_bits(value) for key, value in largest.items()}
        # A product can't have more fraction bits than its operands together.
        formats["z"] = min(formats["z"], 2 * formats["gate_up"])
        formats, g_norm = Formats(**formats), _gain(block.g_norm)
        _check(n, formats, g_norm, largest)
        return Layer(
            attn_norm=_gain(attn),
            **{key: _projection(f"{name}attn.{key}_proj", getattr(block, key), attn)
               for key in "fig"},
            g_norm=g_norm, o=_projection(f"{name}attn.o_proj", block.o),
            forget_scale=_integers(1 - lower, 16, np.uint16) if lower.any() else None,
            mlp_norm=_gain(mlp),
            gate_up=_projection(f"{name}mlp.gate_proj", block.gate_up, mlp),
            down=_projection(f"{name}mlp.down_proj", block.down),
            formats=formats)

    @property
    def residual_fraction(self):
        """Fraction bits of the residual stream; known once all layers are done."""
        largest = max(value for name, value in self.largest.items()
                      if name.endswith((".mixed", ".residual")) or name == "embedding")
        return max(fraction_bits(largest), self.embedding_fraction)

    def head(self):
        """Return the last norm, a Gain, and the head's Projection; they come last."""
        self.last_norm = np.asarray(self.tensors["model.norm.weight"], np.float64)
        self.head_linear = BitLinear.of_checkpoint(self.tensors, "lm_head", np.float64)
        return (_gain(self.last_norm),
                _projection("lm_head", self.head_linear, self.last_norm, self.rows))

    def logits(self, n):
        """Yield the reference's logits behind the tokens of sample ``n``, in windows."""
        r = self.residuals[n]
        for start in range(0, len(r), _WINDOW):
            yield self.head_linear(rmsnorm(r[start:start + _WINDOW], self.last_norm))


def export(state_dict, config, sample=None):
    """Return the integer :class:`Model` of a network, all in memory.

    state_dict : mapping of names to tensors, of PyTorch or NumPy: the published checkpoints' keys
    config : dict with at least hidden_size, intermediate_size, num_hidden_layers, vocab_size and
    model_type "hgrn_bit", as in their config.json
    sample : list of int, tokens over which the number formats are calibrated; without it they are
    drawn from the whole vocabulary, which reaches at least as far

    Raises
    ------
    ValueError
        One sentence that names the field or the tensor.
    """
    config = complete(config, "the configuration")
    check_shapes({name: tensor.shape for name, tensor in state_dict.items()}, config,
                 "The network")
    if sample is None:
        sample = sample_tokens(config["vocab_size"])
    exporter = Exporter(state_dict, config, [sample])
    embedding, fraction = exporter.embedding()
    layers = tuple(exporter.layer(n) for n in range(config["num_hidden_layers"]))
    norm, head = exporter.head()
    return Model(embedding=embedding, embedding_fraction=fraction,
                 residual_fraction=exporter.residual_fraction, layers=layers, norm=norm, head=head,
                 eps=exporter.eps)
