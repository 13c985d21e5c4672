"""Checkpoint folders in the Hugging Face layout of the published MatMul-free LMs (``hgrn_bit``).

Ref: arXiv 2406.02528; github.com/ridgerchu/matmulfreellm for names and shapes of the tensors.
"""

from collections.abc import Mapping
from pathlib import Path

from trine.sim.reference import EPS

from .files import parse_json
from .sentencepiece_model import read_sentencepiece
from .tensor_file import TensorFile
from .tokenizer import Tokenizer

__all__ = ["Checkpoint", "CheckpointError", "check_shapes", "complete", "expected_shapes"]

#: Settings that must have one of these values, the first of which is the default: Trine computes
#: nothing else.
_SETTINGS = {
    "use_short_conv": (False,), "num_heads": (1,), "expand_ratio": (1,),
    "hidden_act": ("swish", "silu"), "tie_word_embeddings": (False,), "rms_norm_eps": (EPS,),
}
_INDEX = "model.safetensors.index.json"
#: No size of a model exceeds it.
_LARGEST = 1 << 20


class CheckpointError(ValueError):
    """A checkpoint that cannot be imported; the message is one sentence for the user."""


def expected_shapes(config):
    """Return the shape of every tensor of a checkpoint by name.

    config : dict, as :attr:`Checkpoint.config` has it
    """
    d, wide = config["hidden_size"], config["intermediate_size"]
    n_layers, vocab = config["num_hidden_layers"], config["vocab_size"]
    shapes = {"model.embeddings.weight": (vocab, d), "model.norm.weight": (d,)}
    if config["use_lower_bound"]:
        shapes["model.lower_bounds"] = (n_layers, d)

    def linear(name, rows, cols):
        shapes[f"{name}.weight"] = (rows, cols)
        shapes[f"{name}.norm.weight"] = (cols,)

    for n in range(n_layers):
        name = f"model.layers.{n}."
        for key in ("attn_norm", "mlp_norm", "attn.g_norm"):
            shapes[f"{name}{key}.weight"] = (d,)
        for key in "ifgo":
            linear(f"{name}attn.{key}_proj", d, d)
        linear(f"{name}mlp.gate_proj", 2 * wide, d)
        linear(f"{name}mlp.down_proj", d, wide)
    linear("lm_head", vocab, d)
    return shapes


def complete(config, path):
    """Return ``config`` with all sizes and settings that Trine needs, or say what is wrong.

    path : what the messages call it
    """
    kind = config.get("model_type", "unknown")
    if kind != "hgrn_bit":
        raise CheckpointError(f"Checkpoint configuration {path} describes a model of type "
                              f"{_shown(kind, quoted=False)}; Trine imports MatMul-free LMs only, "
                              f"whose type is hgrn_bit")
    config = {"use_lower_bound": True} | {key: allowed[0] for key, allowed in _SETTINGS.items()
                                          if key not in config} | config
    if config["use_short_conv"]:
        raise CheckpointError(f"Field use_short_conv of {path} is true, and Trine has no short "
                              f"convolution; take a checkpoint without, as the published ones are")
    for key, allowed in _SETTINGS.items():
        if config[key] not in allowed:
            raise CheckpointError(f"Field {key} of {path} is {_shown(config[key])}, Trine computes "
                                  f"only {' or '.join(map(repr, allowed))}; take another "
                                  f"checkpoint")
    if config.get("intermediate_size") is None:
        # Two thirds of the ratio, rounded up to a multiple of 256, as the published code has it.
        hidden = _size(config, "hidden_size", path) * _ratio(config, path) * 2 / 3
        config["intermediate_size"] = -(-int(hidden) // 256) * 256
    for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"):
        _size(config, key, path)
    return config


def _shown(value, quoted=True):
    """Return a value from a file as a message repeats it."""
    text = repr(value) if quoted else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _size(config, key, path):
    value = config.get(key)
    # JSON's true is no number, though Python counts it among them.
    if type(value) is not int or not 1 <= value <= _LARGEST:
        raise CheckpointError(f"Field {key} of {path} must be a whole number from 1 to {_LARGEST}, "
                              f"not {_shown(value)}; fetch the checkpoint again")
    return value


def _ratio(config, path):
    value = config.get("hidden_ratio") or 4
    if type(value) not in (int, float) or not 0 < value <= 1024:
        raise CheckpointError(f"Field hidden_ratio of {path} must be a number up to 1024, not "
                              f"{_shown(value)}; fetch the checkpoint again")
    return value


def check_shapes(shapes, config, name):
    """Refuse tensors that are missing, unknown or of another shape than ``config`` says.

    shapes : mapping of tensor names to shapes; name : what the messages call the checkpoint
    """
    # So that a configuration alone cannot ask for a list without end.
    if config["num_hidden_layers"] > len(shapes):
        raise CheckpointError(f"{name} has {len(shapes)} tensors, too few for "
                              f"{config['num_hidden_layers']} layers; fetch or export it again")
    expected = expected_shapes(config)
    for tensor, shape in expected.items():
        if tensor not in shapes:
            raise CheckpointError(f"{name} lacks the tensor {tensor}; fetch or export it again")
        if tuple(shapes[tensor]) != shape:
            raise CheckpointError(f"Tensor {tensor} of {name[0].lower()}{name[1:]} has the shape "
                                  f"{tuple(shapes[tensor])}, {shape} belongs there; configuration "
                                  f"and weights are not of the same model")
    for tensor in shapes:
        if tensor not in expected:
            raise CheckpointError(f"{name} has the tensor {tensor}, which Trine does not know; it "
                                  f"is of another architecture")


class Checkpoint(Mapping):
    """A checkpoint folder: a mapping of names to tensors, each read when it is asked for.

    Parameters
    ----------
    folder : path-like

    Attributes
    ----------
    config : dict
        Its config.json, with all sizes and settings filled in.
    tokenizer : :class:`.tokenizer.Tokenizer`

    Raises
    ------
    CheckpointError, FileNotFoundError
        Where a file is missing or damaged, the architecture is another one, a tensor is missing,
        unknown or of the wrong shape, or the tokenizer disagrees with the vocabulary.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"Checkpoint {folder} is no folder; give one with config.json, "
                                    f"model.safetensors and tokenizer.json")
        path = self.folder / "config.json"
        self.config = complete(self._json(path), path)
        self._files = self._find()
        check_shapes({name: file.shapes[name] for name, file in self._files.items()}, self.config,
                     f"Checkpoint {self.folder}")
        self.tokenizer = self._tokenizer()

    def _json(self, path):
        if not path.is_file():
            raise FileNotFoundError(f"Checkpoint {self.folder} has no {path.name}; fetch or export "
                                    f"it again")
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckpointError(f"File {path} is no readable JSON ({error}); fetch the "
                                  f"checkpoint again") from error
        return content

    def _find(self):
        """Return the file of every tensor."""
        if (self.folder / _INDEX).is_file():
            listed = self._json(self.folder / _INDEX).get("weight_map")
            if not isinstance(listed, dict):
                raise CheckpointError(f"File {self.folder / _INDEX} has no weight_map; fetch the "
                                      f"checkpoint again")
            names = sorted(set(map(str, listed.values())))
        else:
            names = sorted(path.name for path in self.folder.glob("model*.safetensors"))
        if not names:
            raise FileNotFoundError(f"Checkpoint {self.folder} has no model.safetensors; fetch or "
                                    f"export it again")
        found = {}
        for name in names:
            if Path(name).name != name or "\0" in name or len(name) > 200:
                raise CheckpointError(f"File {self.folder / _INDEX} names the file {_shown(name)}, "
                                      f"which is not in the folder; fetch the checkpoint again")
            if not (self.folder / name).is_file():
                raise FileNotFoundError(f"Checkpoint {self.folder} lists the file {name} and does "
                                        f"not have it; fetch it")
            file = TensorFile(self.folder / name)
            found |= dict.fromkeys(file.shapes, file)
        return found

    def _tokenizer(self):
        for name, read in (("tokenizer.json", lambda path: Tokenizer.from_json(path.read_text())),
                           ("tokenizer.model", read_sentencepiece)):
            path = self.folder / name
            if path.is_file():
                try:
                    tokenizer = read(path)
                except ValueError as error:
                    raise CheckpointError(f"File {path} cannot be used ({error}); fetch or export "
                                          f"the checkpoint again") from error
                break
        else:
            raise FileNotFoundError(f"Checkpoint {self.folder} has neither tokenizer.json nor "
                                    f"tokenizer.model; fetch one of them")
        if tokenizer.vocab_size != self.config["vocab_size"]:
            raise CheckpointError(f"File {path} has {tokenizer.vocab_size} tokens and the "
                                  f"vocabulary {self.config['vocab_size']}; they are not of the "
                                  f"same model")
        return tokenizer

    def __getitem__(self, name):
        return self._files[name].read(name)

    def __iter__(self):
        return iter(self._files)

    def __len__(self):
        return len(self._files)
