"""The model file: one safetensors file with trits, integers, number formats and the tokenizer."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from trine.firmware import model as firmware
from trine.firmware.compiler import compile_image
from trine.firmware.packing import pack_trits, unpack_trits

from .files import write_atomically
from .tokenizer import Tokenizer

__all__ = ["FORMAT_VERSION", "Model", "ModelFileError", "shipped_model"]

#: Version of the file's layout; a file of another version is refused.
FORMAT_VERSION = 1

_GAINS = ("attn_norm", "g_norm", "mlp_norm")
_PROJECTIONS = ("f", "i", "g", "o", "gate_up", "down")


class ModelFileError(ValueError):
    """A model file that cannot be used; the message is one sentence for the user."""


def shipped_model():
    """Return the path of the model that comes with Trine."""
    return Path(__file__).parent / "models" / "tales.safetensors"


@dataclass(frozen=True, kw_only=True)
class Model(firmware.Model):
    """A model with its tokenizer, as a file holds it.

    tokenizer : :class:`Tokenizer`
    card : dict of str to anything JSON knows: name, data, recipe, measures
    """

    tokenizer: Tokenizer
    card: dict = field(default_factory=dict)

    @classmethod
    def from_integers(cls, model, tokenizer, card=None):
        """Return ``model`` (a firmware Model) together with its tokenizer and card."""
        if tokenizer.vocab_size != model.vocab_size:
            raise ModelFileError(f"The tokenizer has {tokenizer.vocab_size} tokens but the model "
                                 f"{model.vocab_size}: export them from the same training run")
        values = {f.name: getattr(model, f.name) for f in fields(firmware.Model)}
        return cls(**values, tokenizer=tokenizer, card=card or {})

    def image(self, config):
        """Return the memory image for a machine of ``config`` (:func:`compile_image`)."""
        return compile_image(self, config)

    def save(self, path):
        """Write the file; it appears under its name only when it is whole."""
        tensors = {"embedding": self.embedding}
        header = {"embedding_fraction": self.embedding_fraction,
                  "residual_fraction": self.residual_fraction, "eps": self.eps,
                  "vocab_size": self.vocab_size, "dim": self.dim, "hidden_dim": self.hidden_dim,
                  "n_layers": self.n_layers, "fractions": {}, "scales": {}, "formats": []}

        def put_gain(name, gain):
            tensors[name] = gain.values
            header["fractions"][name] = gain.fraction

        def put_projection(name, projection):
            tensors[f"{name}.trits"] = np.frombuffer(
                pack_trits(projection.trits.ravel()), np.uint8)
            header["scales"][name] = projection.scale
            put_gain(f"{name}.gain", projection.gain)

        for n, layer in enumerate(self.layers):
            for key in _GAINS:
                put_gain(f"layers.{n}.{key}", getattr(layer, key))
            for key in _PROJECTIONS:
                put_projection(f"layers.{n}.{key}", getattr(layer, key))
            if layer.forget_scale is not None:
                tensors[f"layers.{n}.forget_scale"] = layer.forget_scale
            header["formats"].append(asdict(layer.formats))
        put_gain("norm", self.norm)
        put_projection("head", self.head)
        metadata = {"format": "trine-mlgru", "version": str(FORMAT_VERSION),
                    "model": json.dumps(header), "tokenizer": self.tokenizer.to_json(),
                    "card": json.dumps(self.card)}
        contiguous = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
        write_atomically(path, save(contiguous, metadata))

    @classmethod
    def load(cls, path):
        """Read a model file.

        Raises :class:`ModelFileError` (or FileNotFoundError) with one sentence that names the file
        and, where one is at fault, the tensor.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"Model file {path} does not exist; give one with -m")
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise ModelFileError(f"Model file {path} is truncated or damaged ({error}); "
                                 f"fetch or export it again") from error
        if metadata.get("format") != "trine-mlgru":
            raise ModelFileError(f"File {path} is a safetensors file but no Trine model; "
                                 f"make one with trine train")
        if metadata.get("version") != str(FORMAT_VERSION):
            raise ModelFileError(f"Model file {path} has format version {metadata.get('version')}, "
                                 f"this Trine reads version {FORMAT_VERSION}; export it again")
        try:
            return _Reader(path, tensors, json.loads(metadata["model"])).model(
                cls, Tokenizer.from_json(metadata["tokenizer"]), json.loads(metadata["card"]))
        except ModelFileError:
            raise
        except (KeyError, ValueError, TypeError) as error:
            raise ModelFileError(f"Model file {path} has a damaged header ({error}); "
                                 f"fetch or export it again") from error


class _Reader:
    """Checks and unpacks the tensors of one file."""

    def __init__(self, path, tensors, header):
        self.path = path
        self.tensors = tensors
        self.header = header
        self.dim, self.hidden_dim = int(header["dim"]), int(header["hidden_dim"])
        self.vocab_size, self.n_layers = int(header["vocab_size"]), int(header["n_layers"])
        if min(self.dim, self.hidden_dim, self.vocab_size, self.n_layers) < 1:
            raise ValueError("a dimension below 1")

    def damaged(self, name, why):
        return ModelFileError(f"Tensor {name} of model file {self.path} is damaged ({why}); "
                              f"fetch or export the file again")

    def tensor(self, name, dtype, shape):
        if name not in self.tensors:
            raise self.damaged(name, "it is missing")
        tensor = self.tensors[name]
        if tensor.dtype != dtype or tensor.shape != shape:
            raise self.damaged(name, f"{tensor.dtype} {tensor.shape} where {np.dtype(dtype)} "
                                     f"{shape} belongs")
        return tensor

    def gain(self, name, n):
        return firmware.Gain(values=self.tensor(name, np.int16, (n,)),
                             fraction=int(self.header["fractions"][name]))

    def projection(self, name, rows, cols):
        packed = self.tensor(f"{name}.trits", np.uint8, (-(-rows * cols // 5),))
        try:
            trits = unpack_trits(packed.tobytes())[:rows * cols].reshape(rows, cols)
        except ValueError as error:
            raise self.damaged(f"{name}.trits", str(error)) from error
        mantissa, exponent = self.header["scales"][name]
        return firmware.Projection(trits=trits, scale=(int(mantissa), int(exponent)),
                                   gain=self.gain(f"{name}.gain", cols))

    def layer(self, n):
        d, wide, name = self.dim, self.hidden_dim, f"layers.{n}."
        shapes = {key: (d, d) for key in "figo"} | {"gate_up": (2 * wide, d), "down": (d, wide)}
        forget = f"{name}forget_scale"
        return firmware.Layer(
            **{key: self.gain(name + key, d) for key in _GAINS},
            **{key: self.projection(name + key, *shapes[key]) for key in _PROJECTIONS},
            forget_scale=(self.tensor(forget, np.uint16, (d,)) if forget in self.tensors else None),
            formats=firmware.Formats(**{k: int(v) for k, v in self.header["formats"][n].items()}))

    def model(self, cls, tokenizer, card):
        integers = firmware.Model(
            embedding=self.tensor("embedding", np.int16, (self.vocab_size, self.dim)),
            embedding_fraction=int(self.header["embedding_fraction"]),
            residual_fraction=int(self.header["residual_fraction"]),
            layers=tuple(self.layer(n) for n in range(self.n_layers)),
            norm=self.gain("norm", self.dim),
            head=self.projection("head", self.vocab_size, self.dim),
            eps=tuple(int(v) for v in self.header["eps"]))
        return cls.from_integers(integers, tokenizer, card)
