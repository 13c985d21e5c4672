"""What a run does beside learning: regularise, stop, resume, share its work, refuse."""

import argparse
import json
import math
import os
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

import trine.host
from trine.host.calibration import sample_tokens
from trine.host.model import Model
from trine.host.tokenizer import Tokenizer
from trine.host.training import export as export_module
from trine.host.training import run as run_module
from trine.host.training.curve import draw
from trine.host.training.data import Streams, cut_text
from trine.host.training.export import load
from trine.host.training.loop import train
from trine.host.training.network import Network
from trine.host.training.options import PRESETS, Options, add_arguments, from_arguments
from trine.host.training.run import Run
from trine.host.training.scan import scan, scan_backward, sweep
from trine.host.training.schedule import SCHEDULES, learning_rate

TEXT = "".join(f"The {who} {did} the {whom}.\n" for who in ("fox", "hen", "king", "cat")
               for did in ("saw", "ate", "loved") for whom in ("egg", "hill", "witch")) * 20
SMALL = {"tokenizer": "char", "dim": 16, "hidden_dim": 24, "layers": 2, "batch": 4, "window": 16,
         "device": "cpu", "precision": "float32"}
STEP = SMALL["batch"] * SMALL["window"]


@pytest.fixture
def book(tmp_path):
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path / "book.txt"


def options(book, out="run", **change):
    return Options(**{"data": [str(book)], "out": str(book.parent / out), "tokens": 6 * STEP,
                      **SMALL, **change})


def rows(book, out="run"):
    return [json.loads(line)
            for line in (book.parent / out / "curve.jsonl").read_text().splitlines()]


# The recurrence without a loop over time, as GPUs run it.

@pytest.mark.parametrize("time", [1, 2, 7, 64])
def test_sweep_equals_the_loop(time):
    torch.manual_seed(0)
    forget, drive = (torch.rand(time, 2, 3, dtype=torch.double) for _ in "fd")
    forget[time // 2] = 0  # a text starts

    states = scan(forget, drive, torch.zeros_like(drive[0]))
    torch.testing.assert_close(sweep(forget, drive), states)
    backward = sweep(forget.roll(-1, 0).flip(0), drive.flip(0)).flip(0)
    torch.testing.assert_close(backward, scan_backward(forget, drive))


@pytest.mark.parametrize("device", ["cpu", *["cuda"] * torch.cuda.is_available()])
def test_scan_carries_the_state_on(device):
    torch.manual_seed(0)
    forget, drive, start = torch.rand(33, 2, 3), torch.randn(33, 2, 3), torch.randn(2, 3)
    forward, backward, state, gradient = [], [], start, torch.zeros_like(start)
    for n in range(33):
        state = forget[n] * state + drive[n]
        forward.append(state)
    for n in reversed(range(33)):
        gradient = drive[n] + (forget[n + 1] * gradient if n < 32 else 0)
        backward.insert(0, gradient)

    there = [each.to(device) for each in (forget, drive, start)]
    torch.testing.assert_close(scan(*there).cpu(), torch.stack(forward))
    torch.testing.assert_close(scan_backward(*there[:2]).cpu(), torch.stack(backward))


# Options.

def test_presets_yield_to_what_is_given():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for preset, values in PRESETS.items():
        chosen = from_arguments(parser.parse_args(["--data", "x", "--out", "y", "--preset", preset,
                                                   "--layers", "3"]))
        assert vars(chosen).items() >= ({**values, "layers": 3}).items()
    assert from_arguments(parser.parse_args(["--data", "x", "--out", "y"])) == Options(
        data=["x"], out="y")


def test_the_tiny_preset_has_two_million_weights_or_fewer():
    shape = {key: PRESETS["tiny"][key] for key in ("dim", "hidden_dim")}

    network = Network(**shape, n_layers=PRESETS["tiny"]["layers"], vocab_size=66)

    assert 1_900_000 < network.n_trits <= 2_000_000


def test_schedules_rise_once_and_fall_to_zero():
    for name in SCHEDULES:
        rates = [learning_rate(name, n / 100, 1000) for n in range(101)]
        assert rates[0] == 1 and rates[-1] == pytest.approx(0)
        assert all(later <= earlier for earlier, later in pairwise(rates))
        assert learning_rate(name, 0, 0) == 0.01
    # The second stage starts with half the rate.
    assert learning_rate("two-stage", 0.5, 1000) == pytest.approx(0.25)
    assert learning_rate("two-stage", 0.4999, 1000) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("change, message", [
    ({"dropout": 1.0}, "Option dropout is a share, at least 0 and less than 1, not 1.0"),
    ({"validation": -0.1}, "Option validation is a share, at least 0 and less than 1, not -0.1"),
    ({"average": 2}, "Option average is a share"),
    ({"patience": 0}, "Option patience must be positive, not 0"),
    ({"schedule": "steps"}, "Option schedule must be one of linear, two-stage, not 'steps'"),
    ({"precision": "int4"}, "Option precision must be one of auto, bf16, float32, not 'int4'"),
    ({"out": "book.txt"}, r"Option out names .*book\.txt, which is a file; give a folder"),
    ({"lr": math.inf}, "The loss is no longer a number at step [12]; train again with a lower"),
    ({"resume": True, "out": "damaged"}, r"File .*resume\.pt is damaged; train again without"),
])
def test_refuses_in_one_sentence(book, change, message):
    (book.parent / "damaged").mkdir()
    (book.parent / "damaged/resume.pt").write_bytes(b"PK no more")

    with pytest.raises((ValueError, OSError), match=message):
        train(options(book, **change))


def test_a_full_disk_leaves_what_was_there(book, monkeypatch):
    train(options(book))
    before = sorted(path.name for path in (book.parent / "run").iterdir())
    network, tokenizer = load(book.parent / "run/export")

    def full(*_):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(export_module, "save_file", full)
    with pytest.raises(OSError, match=r"Checkpoint .*export cannot be written \(No space left"):
        export_module.export(book.parent / "run/export", network, tokenizer)
    monkeypatch.undo()
    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(OSError, match=r"File .*resume\.pt cannot be written \(file write failed\)"):
        train(options(book, resume=True))
    assert sorted(path.name for path in (book.parent / "run").iterdir()) == before
    load(book.parent / "run/export")


def half_written(_, path):
    path.write_bytes(b"PK")
    raise RuntimeError("file write failed")


# The held-out text.

def test_the_end_of_the_text_is_held_out(book):
    run = Run(options(book))

    kept, held = cut_text(TEXT, 0.1)
    assert kept + held == TEXT and len(held) == pytest.approx(0.1 * len(TEXT), abs=1)
    assert (book.parent / "run/held.txt").read_text() == run.held_text == held
    assert run.streams.n_tokens == len(kept)


def test_a_character_that_only_the_end_has_is_known(book):
    book.write_text(TEXT + "\N{EURO SIGN}")

    assert Run(options(book)).tokenizer.encode("\N{EURO SIGN}")


def test_stops_when_the_model_gets_no_better(book, monkeypatch):
    scores = iter([3.0, 2.0, 2.5, 2.0, 2.1])
    monkeypatch.setattr(run_module, "bits_per_char", lambda *_: next(scores))

    row = train(options(book, tokens=100 * STEP, patience=3, check_every=1e-9))

    # Equal is not better.
    assert [line["bits_per_char"] for line in rows(book)] == [3.0, 2.0, 2.5, 2.0, 2.1]
    assert row["step"] == 5


# Regularisation and resuming.

def test_a_resumed_run_drops_and_averages_the_same(book, monkeypatch):
    settings = {"dropout": 0.2, "average": 0.9, "schedule": "two-stage", "check_every": 1e-9}
    train(options(book, "whole", **settings))
    proper, calls = Streams.next, []

    def interrupted(streams):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return proper(streams)

    with monkeypatch.context() as patch:
        patch.setattr(Streams, "next", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(options(book, "parts", **settings))
    train(options(book, "parts", **settings, resume=True))

    whole, parts = (torch.load(book.parent / name / "resume.pt", weights_only=True)
                    for name in ("whole", "parts"))
    assert parts["losses"] == whole["losses"] and len(whole["losses"]) == 6
    for key in ("network", "measured"):
        assert all(torch.equal(parts[key][name], whole[key][name]) for name in whole[key])
    assert any((whole["network"][name] != whole["measured"][name]).any()
               for name in whole["network"])
    exported, _ = load(book.parent / "parts/export")
    assert all(torch.equal(value, whole["measured"][name])
               for name, value in exported.state_dict().items())


def test_dropout_is_for_training_alone():
    torch.manual_seed(0)
    network = Network(dim=16, hidden_dim=24, n_layers=1, vocab_size=9, dropout=0.5,
                      product=torch.float32)
    tokens = torch.arange(8)[:, None]

    def logits():
        return network(tokens, network.zero_state(1))[0]

    with torch.no_grad():
        assert not torch.equal(logits(), logits())
        network.eval()
        assert torch.equal(logits(), logits())


# Several processes.

PROGRAM = """
import json, sys
from trine.host.training.loop import train
from trine.host.training.options import Options
train(Options(**json.loads(sys.argv[1])))
"""


def test_two_processes_train_like_one(book, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    one = train(options(book, "one"))

    subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone",
                    "--nproc-per-node", "2", str(tmp_path / "program.py"),
                    json.dumps(vars(options(book, "two")))],
                   check=True, timeout=240, capture_output=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1"})

    two = rows(book, "two")[-1]
    assert two["step"] == one["step"] and two["tokens"] == one["tokens"]
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert two["bits_per_char"] == pytest.approx(one["bits_per_char"], rel=1e-3)
    first, both = (torch.load(tmp_path / name / "resume.pt", weights_only=True)
                   for name in ("one", "two"))
    assert both["losses"] == pytest.approx(first["losses"], rel=1e-4)
    assert both["state"].shape == first["state"].shape


def test_processes_that_cannot_share_the_batch_are_told(book, monkeypatch):
    processes = run_module.Processes(torch.device("cpu"))
    processes.count = 3

    with pytest.raises(ValueError, match="Option batch is 4, which 3 processes cannot share"):
        processes.columns(4)


# The picture, and the export of one's own network.

def test_the_curve_is_drawn(book):
    train(options(book, check_every=1e-9))

    picture = (book.parent / "run/curve.svg").read_text()

    assert picture == draw(rows(book))
    held = re.search(r'<path d="M([^"]*)" fill="none" stroke="#1f6feb"', picture)[1].split("L")
    assert len(held) == len(rows(book))
    heights = [float(point.split()[1]) for point in held]
    # Fewer bits are further down.
    bits = [row["bits_per_char"] for row in rows(book)]
    assert bits[np.argmax(heights)] == min(bits)
    assert "held out" in picture and "training" in picture


def test_a_network_in_pytorch_is_exported(tmp_path):
    torch.manual_seed(0)
    network = Network(dim=16, hidden_dim=24, n_layers=2, vocab_size=30).bfloat16()
    config = {"model_type": "hgrn_bit", "hidden_size": 16, "intermediate_size": 24,
              "num_hidden_layers": 2, "vocab_size": 30}

    model = trine.host.export(network.state_dict(), config, sample_tokens(30, 64))

    weight = network.lm_head.weight.detach().float()
    trits = (weight / weight.abs().mean()).round().clamp(-1, 1)
    np.testing.assert_array_equal(model.head.trits, trits.numpy())
    tokenizer = Tokenizer.train(["".join(map(chr, range(65, 94)))], kind="char")
    Model.from_integers(model, tokenizer).save(tmp_path / "mine.safetensors")
    assert Model.load(tmp_path / "mine.safetensors").dim == 16
    with pytest.raises(ValueError, match=r"The network lacks the tensor model\.norm\.weight"):
        trine.host.export({name: value for name, value in network.state_dict().items()
                           if name != "model.norm.weight"}, config)
