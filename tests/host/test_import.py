"""`trine import`: every float type, shards, settings, smaller vocabularies, and all bad input."""

import json
import re
import resource
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest

from checkpoints import random_checkpoint, tiny_model, write_checkpoint
from command_line import refused, run
from trine.firmware.config import preset
from trine.host.calibration import sample_tokens
from trine.host.checkpoint import Checkpoint
from trine.host.export import export
from trine.host.importer import import_checkpoint
from trine.host.model import Model
from trine.host.tokenizer import Tokenizer
from trine.sim.golden.mlgru import MLGRU
from trine.sim.reference import Reference

SHAPE = (24, 52, 3, 29)
TEXT = "the quick brown fox jumps over the lazy dog. " * 3
EXCERPT = Path(__file__).parents[1] / "data" / "emerald_city.txt"


def make(folder, *, shape=SHAPE, tokenizer=None, **options):
    """Write a checkpoint with random weights; return its tensors and its configuration."""
    tensors, config = random_checkpoint(*shape, 7)
    text = tiny_model().tokenizer.to_json() if tokenizer is None else tokenizer.to_json()
    return write_checkpoint(folder, tensors, config, text, **options), config


def assert_equal(a, b):
    """Compare two Models, or parts of them, in every integer."""
    if is_dataclass(a):
        for key in type(a).__dataclass_fields__:
            assert_equal(getattr(a, key), getattr(b, key))
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    else:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("dtype", "shards"), [("F32", 1), ("F16", 1), ("BF16", 1), ("BF16", 3)])
def test_integers_are_those_of_the_exporter(tmp_path, dtype, shards):
    tensors, config = make(tmp_path / "there", dtype=dtype, shards=shards)
    made = import_checkpoint(tmp_path / "there", tmp_path / "m.safetensors", tokens=64)
    model = Model.load(tmp_path / "m.safetensors")

    assert_equal(export(tensors, config, sample_tokens(29, 64)), model)
    assert made.ternary_weights == model.ternary_weights and made.saturations == 0
    assert model.card == {"name": "there"} and model.calibration["tokens"] == 64
    assert model.tokenizer.encode(TEXT) == tiny_model().tokenizer.encode(TEXT)


def test_text_chooses_the_formats(tmp_path):
    tensors, config = make(tmp_path)
    import_checkpoint(tmp_path, tmp_path / "m.safetensors", text=TEXT, tokens=40)
    model, tokenizer = Model.load(tmp_path / "m.safetensors"), tiny_model().tokenizer

    sample = [tokenizer.begin, *tokenizer.encode(TEXT)][:40]
    assert_equal(export(tensors, config, sample), model)
    assert model.calibration["source"] == "text" and model.calibration["tokens"] == 40
    largest = {}
    reference = Reference(tensors, config)
    reference.forward(sample, reference.zero_state(), lambda name, values: (
        largest.update({name: float(np.abs(values).max())})))
    for name in ("layers.0.f", "layers.2.z", "layers.1.residual"):
        assert abs(model.calibration["largest"][name] - largest[name]) < 1e-5


def test_lower_bounds_may_be_off(tmp_path):
    tensors, config = random_checkpoint(*SHAPE, 7)
    del tensors["model.lower_bounds"]
    write_checkpoint(tmp_path, tensors, config | {"use_lower_bound": False},
                     tiny_model().tokenizer.to_json())
    import_checkpoint(tmp_path, tmp_path / "m.safetensors", tokens=8)

    model = Model.load(tmp_path / "m.safetensors")
    assert all(layer.forget_scale is None for layer in model.layers)


@pytest.mark.parametrize("name", ["attn_norm", "attn.g_norm", "mlp_norm"])
def test_gain_of_zeros(tmp_path, name):
    tensors, config = random_checkpoint(*SHAPE, 7)
    tensors[f"model.layers.1.{name}.weight"][:] = 0
    write_checkpoint(tmp_path, tensors, config, tiny_model().tokenizer.to_json())
    import_checkpoint(tmp_path, tmp_path / "m.safetensors", tokens=8)
    model, reference = Model.load(tmp_path / "m.safetensors"), Reference(tensors, config)
    model.image(preset("tiny").replace(state_words=256))
    golden = np.array([logits / 2.0**16 for logits in map(MLGRU(model).step, range(9))])
    expected, _ = reference.forward(list(range(9)), reference.zero_state())

    assert np.median(np.abs(golden - expected)) < 0.02 * np.abs(expected).max()


def test_hidden_size_follows_from_the_ratio(tmp_path):
    tensors, config = random_checkpoint(24, 256, 1, 29)
    write_checkpoint(tmp_path, tensors, config | {"intermediate_size": None, "hidden_ratio": 4},
                     tiny_model().tokenizer.to_json())

    assert Checkpoint(tmp_path).config["intermediate_size"] == 256


def test_reference_of_the_model_file_is_near_the_checkpoint(tmp_path):
    """Gains have 15 bits and the embedding 16: int8 codes flip at times, no more."""
    tensors, config = make(tmp_path)
    import_checkpoint(tmp_path, tmp_path / "m.safetensors", tokens=8)
    reference = Reference(tensors, config)
    again = Reference.of_model(Model.load(tmp_path / "m.safetensors"))
    a, b = (r.forward(list(range(29)), r.zero_state())[0] for r in (reference, again))

    assert np.abs(a - b).max() < 0.15 * np.abs(a).max()
    assert np.median(np.abs(a - b)) < 0.005 * np.abs(a).max()


def test_command_reports(tmp_path, capsys):
    make(tmp_path / "there")
    code, out, _ = run(capsys, "import", tmp_path / "there", "--tokens", 8, "--json")
    facts = json.loads(out)

    assert code == 0 and facts["n_layers"] == 3 and facts["vocab_size"] == 29
    assert facts["file"] == str(tmp_path / "there.safetensors")
    assert facts["bytes"] == (tmp_path / "there.safetensors").stat().st_size
    assert facts["peak_bytes"] > 1 << 20 and facts["saturations"] == 0
    code, out, _ = run(capsys, "import", tmp_path / "there", "-o", tmp_path / "x.safetensors",
                       "--tokens", 8)
    assert code == 0 and "x.safetensors is ready: 3 layers, dim 24, hidden 52, 29 tokens" in out


def test_smaller_vocabulary(tmp_path, capsys):
    text = EXCERPT.read_text()[:6000]
    tokenizer = Tokenizer.train([text], 400)
    make(tmp_path / "there", shape=(24, 52, 1, 400), tokenizer=tokenizer)
    (tmp_path / "text.txt").write_text(text)
    code, out, _ = run(capsys, "import", tmp_path / "there", "--text", tmp_path / "text.txt",
                       "--keep-vocab", 300, "--tokens", 200, "--json")
    loss = json.loads(out)["reduced_vocabulary"]
    whole, part = export(*random_checkpoint(24, 52, 1, 400, 7), [1]), Model.load(
        tmp_path / "there.safetensors")

    assert code == 0 and part.vocab_size == part.tokenizer.vocab_size == 300
    assert loss["tokens_before"] < loss["tokens_after"] < 2 * loss["tokens_before"]
    assert loss["bits_per_char_before"] > 0 and loss["bits_per_char_after"] > 0
    # Every text can still be written, and each token kept has the weights that it had.
    assert part.tokenizer.decode(part.tokenizer.encode("Ünder 雨\n")) == "Ünder 雨\n"
    for token in (0, 100, 299):
        old = next(n for n in range(400)
                   if tokenizer.token_bytes(n) == part.tokenizer.token_bytes(token))
        np.testing.assert_array_equal(part.head.trits[token], whole.head.trits[old])
        np.testing.assert_array_equal(part.embedding[token], whole.embedding[old])


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def config_with(**fields):
    return lambda folder, tensors, config: change(folder / "config.json", **fields)


def tensors_with(change):
    def damage(folder, tensors, config):
        change(tensors)
        write_checkpoint(folder, tensors, config, None)
    return damage


def without_shard(folder, tensors, config):
    write_checkpoint(folder, tensors, config, None, shards=2)
    (folder / "model.safetensors").unlink()
    (folder / "model-00002-of-00002.safetensors").unlink()


def one_value(name, value):
    return tensors_with(lambda tensors: tensors[name].__setitem__(3, value))


LAYER = "model.layers.1."
BAD = {
    "architecture": (config_with(model_type="llama"), "describes a model of type llama; Trine"),
    "convolution": (config_with(use_short_conv=True), "Field use_short_conv of .* is true"),
    "heads": (config_with(num_heads=4), "Field num_heads of .* is 4, Trine computes only 1"),
    "eps": (config_with(rms_norm_eps=1e-5), "Field rms_norm_eps of .* is 1e-05"),
    "size": (config_with(hidden_size="wide"), "Field hidden_size of .* must be a whole number"),
    "no json": (lambda f, *_: (f / "config.json").write_text("{"), "config.json is no readable"),
    "no config": (lambda f, *_: (f / "config.json").unlink(), "has no config.json"),
    "no weights": (lambda f, *_: (f / "model.safetensors").unlink(), "has no model.safetensors"),
    "no tokenizer": (lambda f, *_: (f / "tokenizer.json").unlink(), "has neither tokenizer.json"),
    "tokenizer": (lambda f, *_: (f / "tokenizer.json").write_text("{}"),
                  "tokenizer.json cannot be used .The tokenizer is not readable"),
    "other tokenizer": (lambda f, *_: (f / "tokenizer.json").write_text(
        Tokenizer.train(["abc"], kind="char").to_json()),
        "has 4 tokens and the vocabulary 29"),
    "sentencepiece": (lambda f, *_: (f / "tokenizer.json").rename(f / "tokenizer.model"),
                      "tokenizer.model cannot be used .it is no SentencePiece model"),
    "truncated": (lambda f, *_: (f / "model.safetensors").write_bytes(
        (f / "model.safetensors").read_bytes()[:-5]), "truncated or damaged .* lies outside"),
    "empty": (lambda f, *_: (f / "model.safetensors").write_bytes(b""), "truncated or damaged"),
    "shard": (without_shard, "lists the file model-00002-of-00002.safetensors and does not have"),
    "missing": (tensors_with(lambda t: t.pop(f"{LAYER}attn.o_proj.norm.weight")),
                "lacks the tensor model.layers.1.attn.o_proj.norm.weight"),
    "extra": (tensors_with(lambda t: t.update(extra=np.zeros(3, np.float32))),
              "has the tensor extra, which Trine does not know"),
    "shape": (tensors_with(lambda t: t.update({f"{LAYER}mlp.down_proj.weight": np.zeros(
        (52, 24), np.float32)})), r"down_proj.weight of .* has the shape \(52, 24\), \(24, 52\)"),
    "nan": (one_value(f"{LAYER}attn_norm.weight", np.nan),
            "Tensor model.layers.1.attn_norm.weight holds values that are not finite"),
    "infinite": (one_value("lm_head.weight", np.inf), "Tensor lm_head.weight holds values"),
    "bounds": (tensors_with(lambda t: t["model.lower_bounds"].fill(np.nan)),
               "Tensor model.lower_bounds holds"),
    "zeros": (tensors_with(lambda t: t[f"{LAYER}attn.g_proj.weight"].fill(0)),
              "All weights of tensor model.layers.1.attn.g_proj.weight are zero once ternarised"),
    "huge": (tensors_with(lambda t: t[f"{LAYER}attn.i_proj.weight"].__imul__(np.float32(1e30))),
             "Vector i of layer 1 reaches .*e.30 in calibration, more than a format holds"),
    "tiny": (tensors_with(lambda t: t[f"{LAYER}attn.g_norm.weight"].__imul__(np.float32(1e-30))),
             "Vector o of layer 1 and those that it is made of differ too much in size"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_checkpoint_gets_one_sentence(tmp_path, capsys, case):
    damage, message = BAD[case]
    folder = tmp_path / "there"
    damage(folder, *make(folder))
    before = sorted(tmp_path.rglob("*"))

    assert re.search(message, refused(capsys, "import", folder))
    assert sorted(tmp_path.rglob("*")) == before


def test_disk_full_leaves_the_old_file(tmp_path, capsys):
    make(tmp_path / "there")
    (tmp_path / "there.safetensors").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        message = refused(capsys, "import", tmp_path / "there")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "there.safetensors could not be written (File too large)" in message
    assert (tmp_path / "there.safetensors").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there", "there.safetensors"]


@pytest.mark.parametrize(("options", "message"), [
    (["--keep-vocab", "9"], "--keep-vocab needs --text"),
    (["--text", "nowhere.txt"], "Text file nowhere.txt does not exist"),
    (["--keep-vocab", "9", "--text", str(EXCERPT)], "characters cannot be reduced"),
    (["--text", str(EXCERPT)], "Character"),
    (["--tokens", "1"], "argument --tokens"),
])
def test_bad_options_get_one_sentence(tmp_path, capsys, options, message):
    make(tmp_path / "there")

    assert message in refused(capsys, "import", tmp_path / "there", *options)
    assert not (tmp_path / "there.safetensors").exists()


def test_no_folder(capsys):
    assert "Checkpoint nowhere is no folder" in refused(capsys, "import", "nowhere")
