"""The model file: a round trip, and every kind of damage."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from checkpoints import TINY_PATH, make_tiny_model, tiny_model
from trine.host.model import Model, ModelFileError


def parts(path=TINY_PATH):
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def test_round_trip(tmp_path):
    model = tiny_model()
    model.save(tmp_path / "copy.safetensors")
    copy = Model.load(tmp_path / "copy.safetensors")

    for (name, a), (other, b) in zip(model.projections.items(), copy.projections.items()):
        assert name == other and a.scale == b.scale and a.gain.fraction == b.gain.fraction
        np.testing.assert_array_equal(a.trits, b.trits)
        np.testing.assert_array_equal(a.gain.values, b.gain.values)
    np.testing.assert_array_equal(model.embedding, copy.embedding)
    assert [layer.formats for layer in model.layers] == [layer.formats for layer in copy.layers]
    assert model.card == copy.card and model.eps == copy.eps


def test_tiny_model_is_what_its_seed_makes():
    made, read = make_tiny_model(), tiny_model()

    for a, b in zip(made.projections.values(), read.projections.values()):
        np.testing.assert_array_equal(a.trits, b.trits)
    assert [layer.formats for layer in made.layers] == [layer.formats for layer in read.layers]


def test_missing():
    with pytest.raises(FileNotFoundError, match=r"Model file nowhere.safetensors does not exist"):
        Model.load("nowhere.safetensors")


@pytest.mark.parametrize("size", [0, 7, 100, 5000, -1])
def test_truncated(tmp_path, size):
    path = tmp_path / "short.safetensors"
    path.write_bytes(TINY_PATH.read_bytes()[:size])

    with pytest.raises(ModelFileError, match=r"short.safetensors is truncated or damaged"):
        Model.load(path)


def test_other_version(tmp_path):
    tensors, metadata = parts()
    save_file(tensors, tmp_path / "m.safetensors", metadata | {"version": "9"})

    with pytest.raises(ModelFileError, match="has format version 9, this Trine reads version 1"):
        Model.load(tmp_path / "m.safetensors")


def test_foreign_file(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "m.safetensors")

    with pytest.raises(ModelFileError, match="is a safetensors file but no Trine model"):
        Model.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(("name", "damage", "message"), [
    ("head.trits", lambda t: np.full_like(t, 27), "Tensor head.trits of .* is damaged"),
    ("embedding", lambda t: t[:-1], "Tensor embedding of .* is damaged"),
    ("layers.1.f.gain", lambda t: t.astype(np.int32), "Tensor layers.1.f.gain of .* is damaged"),
    ("norm", lambda t: None, "Tensor norm of .* is damaged .it is missing"),
])
def test_damaged_tensor_is_named(tmp_path, name, damage, message):
    tensors, metadata = parts()
    damaged = damage(tensors.pop(name))
    if damaged is not None:
        tensors[name] = damaged
    save_file(tensors, tmp_path / "m.safetensors", metadata)

    with pytest.raises(ModelFileError, match=message):
        Model.load(tmp_path / "m.safetensors")


def test_damaged_header(tmp_path):
    tensors, metadata = parts()
    save_file(tensors, tmp_path / "m.safetensors", metadata | {"model": "{}"})

    with pytest.raises(ModelFileError, match="has a damaged header"):
        Model.load(tmp_path / "m.safetensors")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        tiny_model().save(path)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
