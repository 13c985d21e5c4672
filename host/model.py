"""A model as the host has it: the integers, its tokenizer and its card, from and to a file."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open

from trine.firmware import model as firmware
from trine.firmware.compiler import compile_image

from .files import parse_json
from .model_file import FORMAT, FORMAT_VERSION, ModelFileError, ModelReader, ModelWriter
from .tokenizer import Tokenizer

__all__ = ["FORMAT_VERSION", "Model", "ModelFileError", "shipped_model"]


def shipped_model(preset_name="ulx3s"):
    """Return the path of the model that comes with Trine for a machine of this preset."""
    name = "letters" if preset_name == "onchip" else "tales"
    return Path(__file__).parent / "models" / f"{name}.safetensors"


def _card(text):
    """Return a model's card; its name goes to terminals and into HTTP answers as it is."""
    card = parse_json(text)
    name = card.get("name", "")
    if not isinstance(name, str) or not name.isprintable():
        raise ValueError("the card's name is no printable text")
    return card


@dataclass(frozen=True, kw_only=True)
class Model(firmware.Model):
    """A model with its tokenizer, as a file holds it.

    tokenizer : :class:`Tokenizer`
    card : dict of str to anything JSON knows: name, data, recipe, measures
    calibration : dict, over what the formats were chosen (docs/model-format.md); may be empty
    """

    tokenizer: Tokenizer
    card: dict = field(default_factory=dict)
    calibration: dict = field(default_factory=dict)

    @classmethod
    def from_integers(cls, model, tokenizer, card=None, calibration=None):
        """Return ``model`` (a firmware Model) together with what else a file holds."""
        if tokenizer.vocab_size != model.vocab_size:
            raise ModelFileError(f"The tokenizer has {tokenizer.vocab_size} tokens but the model "
                                 f"{model.vocab_size}: export them from the same training run")
        values = {f.name: getattr(model, f.name) for f in fields(firmware.Model)}
        return cls(**values, tokenizer=tokenizer, card=card or {}, calibration=calibration or {})

    def image(self, config):
        """Return the memory image for a machine of ``config`` (:func:`compile_image`)."""
        return compile_image(self, config)

    def save(self, path):
        """Write the file; it appears under its name only when it is whole."""
        with ModelWriter(path, vocab_size=self.vocab_size, dim=self.dim,
                         hidden_dim=self.hidden_dim, n_layers=self.n_layers,
                         forget=[layer.forget_scale is not None for layer in self.layers],
                         tokenizer=self.tokenizer, card=self.card) as writer:
            writer.embedding(self.embedding, self.embedding_fraction)
            for n, layer in enumerate(self.layers):
                writer.layer(n, layer)
            writer.head(self.norm, self.head)
            writer.numbers(residual_fraction=self.residual_fraction, eps=self.eps)
            writer.finish(self.calibration)

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
        if metadata.get("format") != FORMAT:
            raise ModelFileError(f"File {path} is a safetensors file but no Trine model; "
                                 f"make one with trine train or trine import")
        if metadata.get("version") != str(FORMAT_VERSION):
            raise ModelFileError(f"Model file {path} has format version {metadata.get('version')}, "
                                 f"this Trine reads version {FORMAT_VERSION}; export it again")
        try:
            reader = ModelReader(path, tensors.__getitem__, set(tensors),
                                 parse_json(metadata["model"]))
            integers = firmware.Model(
                embedding=reader.embedding, embedding_fraction=reader.embedding_fraction,
                residual_fraction=reader.residual_fraction, layers=tuple(reader.layers),
                norm=reader.norm, head=reader.head, eps=reader.eps)
            return cls.from_integers(integers, Tokenizer.from_json(metadata["tokenizer"]),
                                     _card(metadata["card"]), reader.calibration)
        except ModelFileError:
            raise
        except (KeyError, IndexError, ValueError, TypeError, AttributeError,
                RecursionError) as error:
            raise ModelFileError(f"Model file {path} has a damaged header ({error}); "
                                 f"fetch or export it again") from error
