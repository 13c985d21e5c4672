"""The model file: a safetensors file with trits, integers, number formats and the tokenizer.

docs/model-format.md describes it field by field.
"""

import json
from dataclasses import asdict

import numpy as np

from trine.firmware.model import Formats, Gain, Layer, Projection
from trine.firmware.packing import pack_trits, unpack_trits
from trine.firmware.program import product_shifts

from .files import whole
from .tensor_file import TensorFileWriter

__all__ = ["FORMAT", "FORMAT_VERSION", "ModelFileError", "ModelReader", "ModelWriter"]

#: What a model file says it is.
FORMAT = "trine-mlgru"
#: Version of the file's layout; a file of another version is refused.
FORMAT_VERSION = 1

_GAINS = ("attn_norm", "g_norm", "mlp_norm")
#: Bytes of metadata that a layer takes at most: scales, fractions, formats and calibration.
_LAYER_ROOM = 6144
#: What no dimension exceeds, and no fraction, above or below zero.
_LARGEST, _FRACTION = 1 << 18, 64
#: Fraction bits of a vector that the sigmoid takes, at most: a field of five bits.
_MOST = 31


class ModelFileError(ValueError):
    """A model file that cannot be used; the message is one sentence for the user."""


def _projections(dim, hidden_dim):
    """Return the shapes of a layer's projections by name."""
    return ({key: (dim, dim) for key in ("f", "i", "g", "o")}
            | {"gate_up": (2 * hidden_dim, dim), "down": (dim, hidden_dim)})


def _scalar(pair, name):
    """Return a scalar (m, e) as the machine has them."""
    mantissa, exponent = pair
    whole(mantissa, 0, (1 << 31) - 1, f"the mantissa of {name}")
    whole(exponent, -512, 511, f"the exponent of {name}")
    if 0 < mantissa < 1 << 30:
        raise ValueError(f"the mantissa of {name} is not normalised")
    return mantissa, exponent


def _calibration(found):
    """Return what a file tells of its calibration, where it is what the tables show."""
    if not found:
        return {}
    for name in ("tokens", "golden_tokens"):
        whole(found[name], 0, 1 << 40, f"calibration's {name}")
    for name, count in found["saturations"].items():
        whole(count, 0, 1 << 60, f"the saturations of {name}")
    for name, value in found["largest"].items():
        if not isinstance(value, (int, float)) or not 0 <= value < 1e30:
            raise ValueError(f"the largest value of {name} is no size")
    return dict(found)


class ModelWriter:
    """Writes a model file part by part: embedding, layers, head, in any order, then the rest.

    Use it as a context manager: what was not finished leaves nothing behind.

    Parameters
    ----------
    path : path-like
    vocab_size, dim, hidden_dim, n_layers : int
    forget : list of bool, whether each layer has a forget scale
    tokenizer : :class:`.tokenizer.Tokenizer`
    card : dict of str to anything JSON knows
    """

    def __init__(self, path, *, vocab_size, dim, hidden_dim, n_layers, forget, tokenizer, card):
        self.path = path
        self._fixed = {"format": FORMAT, "version": str(FORMAT_VERSION),
                       "tokenizer": tokenizer.to_json(), "card": json.dumps(card)}
        self._header = {"vocab_size": vocab_size, "dim": dim, "hidden_dim": hidden_dim,
                        "n_layers": n_layers, "fractions": {}, "scales": {},
                        "formats": [None] * n_layers}
        tensors = {"embedding": ("<i2", (vocab_size, dim)), "norm": ("<i2", (dim,))}

        def projection(name, rows, cols):
            tensors[f"{name}.trits"] = "u1", (-(-rows * cols // 5),)
            tensors[f"{name}.gain"] = "<i2", (cols,)

        for n in range(n_layers):
            tensors |= {f"layers.{n}.{key}": ("<i2", (dim,)) for key in _GAINS}
            for key, shape in _projections(dim, hidden_dim).items():
                projection(f"layers.{n}.{key}", *shape)
            if forget[n]:
                tensors[f"layers.{n}.forget_scale"] = "<u2", (dim,)
        projection("head", vocab_size, dim)
        room = len(json.dumps(self._fixed)) + _LAYER_ROOM * (1 + n_layers)
        self._tensors, self._file = tensors, TensorFileWriter(path, tensors, room)

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        self._file.__exit__(*error)

    def embedding(self, table, fraction):
        """Write the embedding: int16 (vocab_size, dim)."""
        self._file.put("embedding", table)
        self._header["embedding_fraction"] = fraction

    def _gain(self, name, gain):
        self._file.put(name, gain.values)
        self._header["fractions"][name] = gain.fraction

    def _projection(self, name, projection):
        packed = np.frombuffer(pack_trits(projection.trits.ravel()), np.uint8)
        self._file.put(f"{name}.trits", packed)
        self._header["scales"][name] = projection.scale
        self._gain(f"{name}.gain", projection.gain)

    def layer(self, n, layer):
        """Write layer ``n``."""
        for key in _GAINS:
            self._gain(f"layers.{n}.{key}", getattr(layer, key))
        for key in _projections(0, 0):
            self._projection(f"layers.{n}.{key}", getattr(layer, key))
        if layer.forget_scale is not None:
            self._file.put(f"layers.{n}.forget_scale", layer.forget_scale)
        self._header["formats"][n] = asdict(layer.formats)

    def head(self, norm, projection):
        """Write the last norm and the head."""
        self._gain("norm", norm)
        self._projection("head", projection)

    def numbers(self, *, residual_fraction, eps):
        """Take the numbers that are known last; :meth:`reader` and :meth:`finish` need them."""
        self._header |= {"residual_fraction": residual_fraction, "eps": eps}

    def reader(self):
        """Return a :class:`ModelReader` of what was written."""
        return ModelReader(self.path, self._file.get, set(self._tensors), self._header)

    def finish(self, calibration=None):
        """Write the rest and give the file its name; ``calibration`` is the Model's."""
        header = self._header | ({"calibration": calibration} if calibration else {})
        self._file.finish(self._fixed | {"model": json.dumps(header)})


class ModelReader:
    """Checks and unpacks a model file part by part.

    path : of the file, for messages; get : function from a tensor's name to the tensor; names :
    those there are; header : dict, the metadata ``model``
    """

    def __init__(self, path, get, names, header):
        self._path, self._get, self._names, self._header = path, get, names, header
        self.dim, self.hidden_dim, self.vocab_size, self.n_layers = (
            whole(header[name], 1, _LARGEST, name)
            for name in ("dim", "hidden_dim", "vocab_size", "n_layers"))
        self.embedding_fraction, self.residual_fraction = (
            whole(header[name], -_FRACTION, _FRACTION, name)
            for name in ("embedding_fraction", "residual_fraction"))
        if not 0 <= self.residual_fraction - self.embedding_fraction < 64:
            raise ValueError("the embedding's fraction bits do not go with the residual's")
        self.eps = _scalar(header["eps"], "eps")
        self.calibration = _calibration(header.get("calibration", {}))

    def _damaged(self, name, why):
        return ModelFileError(f"Tensor {name} of model file {self._path} is damaged ({why}); "
                              f"fetch or export the file again")

    def _tensor(self, name, dtype, shape):
        if name not in self._names:
            raise self._damaged(name, "it is missing")
        tensor = self._get(name)
        if tensor.dtype != dtype or tensor.shape != shape:
            raise self._damaged(name, f"{tensor.dtype} {tensor.shape} where {np.dtype(dtype)} "
                                      f"{shape} belongs")
        return tensor

    def _gain(self, name, n):
        return Gain(values=self._tensor(name, np.int16, (n,)),
                    fraction=whole(self._header["fractions"][name], -_FRACTION, _FRACTION,
                                   f"the fraction bits of {name}"))

    def _projection(self, name, rows, cols):
        packed = self._tensor(f"{name}.trits", np.uint8, (-(-rows * cols // 5),))
        try:
            trits = unpack_trits(packed.tobytes())[:rows * cols].reshape(rows, cols)
        except ValueError as error:
            raise self._damaged(f"{name}.trits", str(error)) from error
        return Projection(trits=trits, gain=self._gain(f"{name}.gain", cols),
                          scale=_scalar(self._header["scales"][name], f"the scale of {name}"))

    def _layer(self, n):
        d, name = self.dim, f"layers.{n}."
        forget = f"{name}forget_scale"
        formats = Formats(**{key: whole(value, -_FRACTION, _FRACTION, f"format {key} of layer {n}")
                             for key, value in self._header["formats"][n].items()})
        gains = {key: self._gain(name + key, d) for key in _GAINS}
        for key, shift in product_shifts(formats, gains["g_norm"].fraction).items():
            whole(shift, 0, 63, f"the shift that makes vector {key} of layer {n}")
        for key in ("f", "i", "state", "gate_up"):
            whole(getattr(formats, key), 0, _MOST, f"format {key} of layer {n}")
        return Layer(
            **gains,
            **{key: self._projection(name + key, *shape)
               for key, shape in _projections(d, self.hidden_dim).items()},
            forget_scale=(self._tensor(forget, np.uint16, (d,)) if forget in self._names else None),
            formats=formats)

    @property
    def embedding(self):
        """The table, int16 (vocab_size, dim)."""
        return self._tensor("embedding", np.int16, (self.vocab_size, self.dim))

    @property
    def layers(self):
        """The layers, each read when its turn comes."""
        return (self._layer(n) for n in range(self.n_layers))

    @property
    def norm(self):
        """The gain of the last norm."""
        return self._gain("norm", self.dim)

    @property
    def head(self):
        """The projection onto the vocabulary."""
        return self._projection("head", self.vocab_size, self.dim)
