"""The trainer: it learns, it resumes, and its network is the published one."""

import argparse
import itertools
import json
import math
import random

import pytest
import torch
from safetensors.torch import load_file

from published import published
from trine.host.tokenizer import Tokenizer
from trine.host.training.data import Streams, find_books, read_book, split_books
from trine.host.training.evaluate import bits_per_char, sample
from trine.host.training.export import export, load
from trine.host.training.loop import main, train
from trine.host.training.network import Network
from trine.host.training.optimizer import orthogonalize
from trine.host.training.options import Options, add_arguments
from trine.host.training.scan import scan

SMALL = {"dim": 32, "hidden_dim": 48, "layers": 2, "vocab_size": 300, "batch": 8, "window": 32}
STEP = SMALL["batch"] * SMALL["window"]


def story(seed, sentences=600):
    """Return a text of simple sentences in paragraphs."""
    rng = random.Random(seed)
    words = {"who": ["fox", "hen", "king", "old witch", "cat"], "did": ["saw", "ate", "loved"],
             "how": ["gladly", "at night", "in the wood"]}
    return "".join(
        f"The {rng.choice(words['who'])} {rng.choice(words['did'])} the "
        f"{rng.choice(words['who'])} {rng.choice(words['how'])}."
        + ("\n\n" if rng.random() < 0.2 else " ") for _ in range(sentences))


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    for name, seed in (("one", 1), ("two", 2), ("three", 3)):
        (folder / f"{name}.txt").write_text(story(seed))
    (folder / "held.txt").write_text(story(4, sentences=60))
    return folder


@pytest.fixture(scope="module")
def trained(books, tmp_path_factory):
    """Return options, result and folder of a run of 200 steps."""
    out = tmp_path_factory.mktemp("run")
    options = Options(data=[str(books)], held_out=["held"], out=str(out), tokens=200 * STEP,
                      **SMALL)
    return options, train(options), out


def rows(out):
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


def test_loss_falls(trained):
    _, row, out = trained

    assert row == rows(out)[-1]
    assert row["step"] == 200
    assert row["tokens"] == 200 * STEP
    # A uniform guess costs ln 300 = 5.7 nats a token.
    assert row["loss"] < 0.4 * math.log(SMALL["vocab_size"])
    assert row["bits_per_char"] < 1.5


def test_resumed_run_ends_like_an_uninterrupted_one(trained, tmp_path, monkeypatch):
    options, row, out = trained
    kwargs = {**vars(options), "out": str(tmp_path)}
    whole_next, calls = Streams.next, []

    def interrupted_next(streams):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return whole_next(streams)

    with monkeypatch.context() as patch:
        patch.setattr(Streams, "next", interrupted_next)
        with pytest.raises(KeyboardInterrupt):
            train(Options(**{**kwargs, "check_every": 1e-9}))
    assert rows(tmp_path)[-1]["step"] == 7

    resumed = train(Options(**{**kwargs, "resume": True}))

    assert {**resumed, "minutes": 0} == {**row, "minutes": 0}
    whole = load_file(out / "export/model.safetensors")
    parts = load_file(tmp_path / "export/model.safetensors")
    assert all(torch.equal(parts[key], whole[key]) for key in whole)


def test_time_budget_ends_the_run(books, tmp_path):
    row = train(Options(data=[str(books)], held_out=["held"], out=str(tmp_path), tokens=10**9,
                        minutes=0.02, optimizer="adamw", **SMALL))

    assert row["minutes"] == pytest.approx(0.02, abs=0.02)
    assert row["step"] > 1


def test_command_line(books, tmp_path):
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    main(parser.parse_args([
        "--data", str(books), "--out", str(tmp_path), "--tokens", str(3 * STEP), "--dim", "16",
        "--hidden-dim", "16", "--layers", "1", "--tokenizer", "char", "--batch", "8",
        "--window", "32", "--device", "cpu"]))

    network, tokenizer = load(tmp_path / "export")
    assert tokenizer.kind == "char"
    assert rows(tmp_path)[-1]["step"] == 3
    assert sample(network, tokenizer, "The fox", length=5).startswith("The fox")


def test_export_agrees_with_the_published_equations(trained, books):
    _, _, out = trained
    network, tokenizer = load(out / "export")
    weights = {key: value.double() for key, value in
               load_file(out / "export/model.safetensors").items()}
    text = (books / "held.txt").read_text()[:150]
    tokens = tokenizer.encode(text)
    network = network.double().eval()

    with torch.no_grad():
        logits, _ = network(torch.tensor([tokenizer.begin, *tokens])[:, None],
                            network.zero_state(1))
    expected = published(weights, [tokenizer.begin, *tokens], n_layers=2)

    torch.testing.assert_close(logits[:, 0], expected, rtol=1e-9, atol=1e-9)
    nats = -expected.log_softmax(-1)[:-1].gather(1, torch.tensor(tokens)[:, None]).sum().item()
    assert bits_per_char(network, tokenizer, text, window=7) == pytest.approx(
        nats / math.log(2) / len(text), rel=1e-6)


def test_export_has_the_published_keys(trained):
    _, _, out = trained
    config = json.loads((out / "export/config.json").read_text())
    weights = load_file(out / "export/model.safetensors")

    assert {name: config[name] for name in (
        "model_type", "hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size",
        "rms_norm_eps", "use_lower_bound", "use_short_conv", "num_heads", "expand_ratio",
        "tie_word_embeddings", "bos_token_id")} == {
        "model_type": "hgrn_bit", "hidden_size": 32, "num_hidden_layers": 2,
        "intermediate_size": 48, "vocab_size": 300, "rms_norm_eps": 1e-6, "use_lower_bound": True,
        "use_short_conv": False, "num_heads": 1, "expand_ratio": 1, "tie_word_embeddings": False,
        "bos_token_id": 0}
    shapes = {"model.embeddings.weight": (300, 32), "model.lower_bounds": (2, 32),
              "model.norm.weight": (32,), "lm_head.weight": (300, 32),
              "lm_head.norm.weight": (32,)}
    for n in range(2):
        at = f"model.layers.{n}"
        shapes |= {f"{at}.{name}.weight": (32,) for name in
                   ("attn_norm", "mlp_norm", "attn.g_norm")}
        for name, shape in (("attn.i_proj", (32, 32)), ("attn.f_proj", (32, 32)),
                            ("attn.g_proj", (32, 32)), ("attn.o_proj", (32, 32)),
                            ("mlp.gate_proj", (96, 32)), ("mlp.down_proj", (32, 48))):
            shapes |= {f"{at}.{name}.weight": shape, f"{at}.{name}.norm.weight": shape[1:]}
    assert {key: tuple(value.shape) for key, value in weights.items()} == shapes
    assert all(value.dtype == torch.float32 for value in weights.values())


def test_export_replaces_an_older_one(trained, tmp_path):
    _, _, out = trained
    network, tokenizer = load(out / "export")
    export(tmp_path / "model", network, tokenizer)
    with torch.no_grad():
        network.model.norm.weight.fill_(3)

    export(tmp_path / "model", network, tokenizer)

    again, vocabulary = load(tmp_path / "model")
    assert again.model.norm.weight.eq(3).all()
    assert vocabulary.to_json() == tokenizer.to_json()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_state_carries_over_windows_and_ends_with_a_text():
    torch.manual_seed(0)
    network = Network(dim=16, hidden_dim=24, n_layers=2, vocab_size=20).double().eval()
    tokens = torch.randint(20, (12, 3))
    with torch.no_grad():
        whole, _ = network(tokens, network.zero_state(3))
        first, state = network(tokens[:5], network.zero_state(3))
        second, _ = network(tokens[5:], state)
        keep = torch.ones(12, 3, 1, dtype=torch.double)
        keep[5, 1] = 0
        cut, _ = network(tokens, network.zero_state(3), keep)
        fresh, _ = network(tokens[5:], network.zero_state(3))

    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(cut[5:, 1], fresh[:, 1])
    torch.testing.assert_close(cut[:, [0, 2]], whole[:, [0, 2]])


def test_scan_has_the_gradients_of_a_plain_loop():
    torch.manual_seed(0)
    forget, drive = (torch.rand(6, 2, 3, dtype=torch.double, requires_grad=True) for _ in "fd")
    start, weight = (torch.rand(2, 3, dtype=torch.double), torch.rand(6, 2, 3, dtype=torch.double))

    state, states = start, []
    for t in range(6):
        state = forget[t] * state + drive[t]
        states.append(state)
    expected = torch.stack(states)
    gradients = torch.autograd.grad((expected * weight).sum(), (forget, drive))

    actual = scan(forget, drive, start)

    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(torch.autograd.grad((actual * weight).sum(), (forget, drive)),
                               gradients)


@pytest.mark.parametrize("shape", [(1, 24, 24), (3, 40, 16), (2, 16, 40)])
def test_orthogonalize_evens_out_singular_values(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    values = torch.linalg.svdvals(orthogonalize(matrices))

    assert values.max() < 1.3
    assert values.median() > 0.6


# Data.

def test_streams_go_on_from_window_to_window():
    books = [[5, 6, 1, 1, 7, 8] * 2000, [9, 1, 1, 4] * 1500]
    options = {"begin": 0, "newline": 1, "batch": 3, "window": 50, "seed": 1}
    streams = Streams(books, **options)

    windows = [streams.next() for _ in range(150)]

    for (inputs, targets), (later, _) in itertools.pairwise(windows[:10]):
        assert inputs.shape == targets.shape == (50, 3)
        assert (inputs[1:] == targets[:-1]).all()
        assert (later[0] == targets[-1]).all()
    assert (windows[0][0][0] == 0).all()
    assert streams.epoch > 0

    again = Streams(books, **options)
    again.seek(0, 100)
    assert (again.next()[0] == windows[2][0]).all()
    others = Streams(books, **{**options, "seed": 2})
    assert any((others.next()[0] != inputs).any() for inputs, _ in windows[:10])


def test_every_passage_starts_at_a_paragraph_behind_a_begin_token():
    streams = Streams([[5, 6, 1, 1] * 4000], begin=0, newline=1, batch=1, window=10, seed=0)

    tokens = streams._tokens[:, 0].tolist()

    starts = [position for position, token in enumerate(tokens) if token == 0]
    assert len(starts) > 2
    assert all(tokens[position + 1:position + 3] == [5, 6] for position in starts)
    assert sorted(token for token in tokens if token) == sorted([5, 6, 1, 1] * 4000)


def test_held_out_books_are_left_out(books):
    kept, held = split_books(find_books([books]), ["held", "two.txt"])

    assert [book.stem for book in kept] == ["one", "three"]
    assert [book.stem for book in held] == ["held", "two"]


def test_refuses_bad_data(books, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Training text .*nowhere does not exist"):
        find_books([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match=r"Folder .* holds no \.txt file to train on"):
        find_books([tmp_path])
    with pytest.raises(ValueError, match="Held-out book '503' is not among the training texts"):
        split_books(find_books([books]), ["503"])
    with pytest.raises(ValueError, match="Every book is held out, none is left to train on"):
        split_books(find_books([books / "one.txt"]), ["one"])

    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(ValueError, match=r"Training text .*empty\.txt is empty"):
        read_book(tmp_path / "empty.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"Training text .*latin\.txt is not UTF-8 \(byte 3\)"):
        read_book(tmp_path / "latin.txt")


@pytest.mark.parametrize("change, message", [
    ({"vocab_size": 9999}, "but a vocabulary of 9999 was asked for"),
    ({"window": 10**6}, "too few for 8 streams with windows of 1000000"),
    ({"resume": True}, "has no resume.pt to continue from"),
    ({"device": "abacus"}, "Device 'abacus' is not available"),
    ({"tokens": 0}, "Option tokens must be positive, not 0"),
    ({"minutes": -1.0}, "Option minutes must be positive, not -1.0"),
    ({"seed": -1}, "Option seed must not be negative, as -1 is"),
    ({"tokenizer": "word"}, "Option tokenizer must be one of bpe, char, not 'word'"),
    ({"optimizer": "sgd"}, "Option optimizer must be one of muon, adamw, not 'sgd'"),
])
def test_refuses_bad_options(books, tmp_path, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(Options(**{"data": [str(books)], "out": str(tmp_path), **SMALL, **change}))


def test_refuses_to_resume_a_run_with_other_options(trained):
    options, _, _ = trained

    for change in ({"dim": 16}, {"hidden_dim": 32}, {"optimizer": "adamw"}, {"batch": 4}):
        with pytest.raises(ValueError, match=r"The run in .* has other options than this one"):
            train(Options(**{**vars(options), "resume": True, **change}))


def test_load_names_the_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Checkpoint folder .* has no config\.json"):
        load(tmp_path)


def test_books_without_paragraphs_are_one_passage():
    streams = Streams([[5, 6] * 500], begin=0, newline=None, batch=1, window=10, seed=0)

    assert streams._tokens[:, 0].tolist() == [0, *[5, 6] * 500]


def test_tokenizer_never_sees_held_out_books(trained, books):
    _, _, out = trained
    texts = [(books / f"{name}.txt").read_text() for name in ("one", "three", "two")]

    assert (out / "export/tokenizer.json").read_text() == Tokenizer.train(texts, 300).to_json()
