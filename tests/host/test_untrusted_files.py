"""Files from strangers: one sentence, no more memory than the file is worth, no path outside."""

import ast
import json
import sys
from pathlib import Path

import pytest

from checkpoints import TINY_PATH
from trine.host.checkpoint import Checkpoint, CheckpointError, complete
from trine.host.model import Model, ModelFileError
from trine.host.sentencepiece_model import read_sentencepiece
from trine.host.stream_state import StreamState
from trine.host.tensor_file import TensorFile, TensorFileError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fuzz_files(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import fuzz_files
    yield fuzz_files
    del sys.modules["fuzz_files"]


def test_damaged_model_files(fuzz_files, tmp_path):
    outcomes = fuzz_files.ModelFuzz(tmp_path, TINY_PATH, 5).go(40)
    assert min(outcomes["refused"], outcomes["taken"]) > 3


def test_damaged_checkpoints(fuzz_files, tmp_path):
    outcomes = fuzz_files.CheckpointFuzz(tmp_path, 5).go(40)
    assert min(outcomes["refused"], outcomes["taken"]) > 3


def with_header(path, change):
    """Write a copy of the tiny model to ``path`` with its metadata changed."""
    data = TINY_PATH.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    metadata = header["__metadata__"]
    model = json.loads(metadata["model"])
    change(model, metadata)
    metadata["model"] = metadata["model"] if "[[[" in metadata["model"] else json.dumps(model)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length:])
    return path


@pytest.mark.parametrize(("change", "said"), [
    (lambda model, _: model.update(dim=float("inf")), "dim must be a whole number from 1 to"),
    (lambda model, _: model.update(n_layers=True), "n_layers must be a whole number from 1 to"),
    (lambda model, _: model.update(vocab_size=1 << 40), "vocab_size must be a whole number"),
    (lambda model, _: model.update(residual_fraction=10**30), "residual_fraction must be a whole"),
    (lambda model, _: model["formats"][0].update(f=10**9), "format f of layer 0 must be a whole"),
    (lambda model, _: model["formats"][1].update(o=60), "the shift that makes vector o of layer 1"),
    (lambda model, _: model["scales"].update(head=[-5, 0]), "the mantissa of the scale of head"),
    (lambda model, _: model["scales"].update(head=[5, 0]), "the scale of head is not normalised"),
    (lambda model, _: model["scales"].update(head=[0, 600]), "the exponent of the scale of head"),
    (lambda _, metadata: metadata.update(model="[" * 100_000), "it nests too deep"),
    (lambda _, metadata: metadata.update(card="[]"), "it is no object"),
    (lambda _, metadata: metadata.update(card='{"name": "\\u001b[2J"}'), "no printable text"),
])
def test_numbers_of_a_model_file(tmp_path, change, said):
    path = with_header(tmp_path / "model.safetensors", change)
    with pytest.raises(ModelFileError, match=said) as error:
        Model.load(path)
    assert str(path) in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(("change", "said"), [
    ({"hidden_size": "a" * 9, "intermediate_size": None, "hidden_ratio": 10**12},
     "Field hidden_size of .* whole number from 1 to 1048576, not 'aaaaaaaaa'"),
    ({"hidden_size": True}, "Field hidden_size of .* not True"),
    ({"hidden_size": 64, "hidden_ratio": float("inf")}, "Field hidden_ratio of .* not inf"),
    ({"hidden_size": 64, "num_hidden_layers": 1 << 63}, "Field num_hidden_layers of"),
    ({"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": [1] * 999}, r"not \[1, 1, .*\.\.\."),
])
def test_sizes_of_a_configuration(change, said):
    with pytest.raises(CheckpointError, match=said) as error:
        complete({"model_type": "hgrn_bit"} | change, "config.json")
    assert len(str(error.value)) < 300


def checkpoint(fuzz_files, folder):
    return fuzz_files.CheckpointFuzz(folder, 1)._whole


def test_layers_without_end(fuzz_files, tmp_path):
    """A configuration may not ask for a list of a million layers."""
    folder = checkpoint(fuzz_files, tmp_path)
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 1 << 20}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"has \d+ tensors, too few for 1048576 layers"):
        Checkpoint(folder)


@pytest.mark.parametrize("outside", ["../other.safetensors", "/etc/passwd", "a/b", "..", "x\0y",
                                     "x" * 5000, ""])
def test_an_index_that_names_files_elsewhere(fuzz_files, tmp_path, outside):
    folder = checkpoint(fuzz_files, tmp_path)
    (tmp_path / "other.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": outside}}))
    with pytest.raises((CheckpointError, FileNotFoundError),
                       match=r"which is not in the folder|does not have it") as error:
        Checkpoint(folder)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("entry", [
    {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 16]},
    {"dtype": "F32", "shape": [float("inf")], "data_offsets": [0, 16]},
    {"dtype": "F32", "shape": [-4, -1], "data_offsets": [0, 16]},
    {"dtype": "F32", "shape": [4], "data_offsets": [0, 16, 32]},
    {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
    {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
    {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]},
    [[]],
])
def test_tensors_that_lie(tmp_path, entry):
    path = tmp_path / "model.safetensors"
    text = json.dumps({"a": entry}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    with pytest.raises(TensorFileError, match="is truncated or damaged"):
        TensorFile(path)


@pytest.mark.parametrize("data", [
    # A number of a million bytes, and a piece that could be cut in two in a million ways.
    b"\x0a" + b"\xff" * 1_000_000 + b"\x01",
    b"\x0a\xc4\x84\x3d" + b"\x0a\xc0\x84\x3d" + b"a" * 1_000_000,
])
def test_a_sentencepiece_model_that_explodes(tmp_path, data):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="it is no SentencePiece model"):
        read_sentencepiece(path)


def test_a_saved_state_that_counts_wrong():
    import struct
    import zlib
    data = struct.pack("<8sIII", b"TRNESTA1", 1, 2, 1 << 30) + bytes(8)
    with pytest.raises(ValueError, match="The saved state of a stream is damaged"):
        StreamState.from_bytes(data + struct.pack("<I", zlib.crc32(data)))


def _calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {keyword.arg: ast.unparse(keyword.value)
                                           for keyword in node.keywords}


def test_nothing_is_unpickled_or_evaluated():
    """No file's content becomes code: no pickle, no np.load, torch.load for weights alone."""
    found = 0
    for path in (each for folder in ("firmware", "hw", "sim", "host", "tools")
                 for each in (ROOT / folder).rglob("*.py")):
        for name, keywords in _calls(path):
            assert name not in ("eval", "exec", "compile", "pickle.load", "pickle.loads",
                                "np.load", "marshal.loads", "yaml.load"), path
            if name == "torch.load":
                found += 1
                assert keywords["weights_only"] == "True", path
    assert found == 1
