"""`trine eval` and `trine trace`: their figures against plain arithmetic, boards, bad input.

tests/data/emerald_city.txt is the beginning of L. Frank Baum, The Emerald City of Oz, Project
Gutenberg 517, in the public domain, which the shipped model was not trained on.
"""

import json
from dataclasses import replace
from math import log, log2
from pathlib import Path

import numpy as np
import pytest

from checkpoints import TINY_PATH, random_checkpoint, random_model, tiny_model, write_checkpoint
from command_line import refused, run
from trine.firmware.compiler import compile_image
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.evaluate import board_distance, text_of
from trine.host.links import LoopbackTransport
from trine.host.model import Model
from trine.host.tokenizer import Tokenizer
from trine.sim.golden_board import GoldenBoard
from trine.sim.reference import Reference

GOLDEN = ["--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH)]
EXCERPT = Path(__file__).parents[1] / "data" / "emerald_city.txt"
TEXT = "the quick brown fox jumps over the lazy dog. "


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT * 3)
    return path


def board_with(image, **changes):
    """Return a golden board that holds an image for the tiny preset."""
    config = preset("tiny").replace(**changes)
    board = Board(LoopbackTransport(GoldenBoard(config).receive), "assumed")
    board.upload(image(config))
    return board


def test_shipped_model_reads_a_book_it_never_saw(capsys, tmp_path):
    """Bounds that a damaged model or a wrong golden model would miss by far."""
    (tmp_path / "text.txt").write_text(EXCERPT.read_text()[8000:10000])
    code, out, _ = run(capsys, "eval", tmp_path / "text.txt", "--board-tokens", 0, "--json")
    facts = json.loads(out)

    assert code == 0 and facts["characters"] == 2000 and facts["reference"] == "model file"
    assert abs(facts["golden_bits_per_char"] - facts["reference_bits_per_char"]) < 0.003
    assert facts["golden_bits_per_char"] < 1.9
    assert 0.97 < facts["argmax_agreement"] <= 1 and 0 <= facts["kl"] < 1e-3
    assert facts["saturations"] == 0 and facts["board_bits_per_char"] is None
    nats = facts["golden_bits_per_char"] * log(2) * facts["characters"] / facts["tokens"]
    assert abs(log(facts["golden_perplexity"]) - nats) < 1e-4


def test_board_has_the_golden_figures(capsys, text):
    code, out, _ = run(capsys, "eval", text, *GOLDEN, "--board-tokens", 20, "--json")
    facts = json.loads(out)

    assert code == 0 and facts["tokens"] == 3 * len(TEXT) and facts["board_tokens"] == 20
    assert facts["board_mismatches"] == 0 and facts["board_logits_read"]
    assert facts["board_bits_per_char"] == facts["golden_bits_per_char_board_part"] > 0
    code, out, _ = run(capsys, "eval", text, *GOLDEN, "-n", 20)
    assert code == 0 and "20 characters, 20 tokens" in out and "every logit read" in out


def test_gateware_has_the_golden_figures(capsys, text):
    code, out, _ = run(capsys, "eval", text, "--preset", "tiny", "-m", TINY_PATH, "-n", 6,
                       "--board-tokens", 3, "--json")
    facts = json.loads(out)

    assert code == 0 and facts["board_tokens"] == 3 and facts["board_mismatches"] == 0
    assert facts["board_bits_per_char"] == facts["golden_bits_per_char_board_part"] > 0


def test_checkpoint_is_the_reference(capsys, text, tmp_path):
    tensors, config = random_checkpoint(24, 52, 2, 29, 7)
    write_checkpoint(tmp_path / "there", tensors, config, tiny_model().tokenizer.to_json())
    code, out, _ = run(capsys, "eval", text, *GOLDEN, "--checkpoint", tmp_path / "there",
                       "--board-tokens", 0, "--json")
    facts, tokenizer = json.loads(out), tiny_model().tokenizer
    ids = tokenizer.encode(TEXT * 3)
    reference = Reference(tensors, config)
    logits, _ = reference.forward([tokenizer.begin, *ids[:-1]], reference.zero_state())
    bits = sum(log2(np.exp(row - row[token]).sum()) for row, token in zip(logits, ids))

    assert code == 0 and facts["reference"] == "checkpoint"
    assert abs(facts["reference_bits_per_char"] - bits / len(ids)) < 1e-6


def test_board_that_keeps_too_few_logits_is_judged_by_crc():
    model = tiny_model()
    with board_with(model.image, logit_words=16) as board:
        distance = board_distance(board, model, TEXT[:12])

    assert not distance.logits_read and distance.mismatches == 0 and distance.tokens == 12
    assert distance.bits_per_char == distance.golden_bits_per_char > 0


@pytest.mark.parametrize("logit_words", [16, 128])
def test_other_logits_are_noticed(logit_words):
    model = tiny_model()
    trits = model.head.trits.copy()
    trits[3, 5] = 1 - abs(trits[3, 5])
    other = replace(model, head=replace(model.head, trits=trits))
    with board_with(other.image, logit_words=logit_words) as board:
        distance = board_distance(board, model, TEXT[:12])

    assert distance.mismatches > 0
    assert (distance.bits_per_char is None) == (logit_words == 16)


def test_board_that_differs_fails_the_command(capsys, text, monkeypatch):
    trits = tiny_model().head.trits.copy()
    trits[3, 5] = 1 - abs(trits[3, 5])
    other = replace(tiny_model(), head=replace(tiny_model().head, trits=trits))
    monkeypatch.setattr(Model, "image", lambda self, config: compile_image(other, config))
    code, out, _ = run(capsys, "eval", text, *GOLDEN, "--board-tokens", 8)

    assert code == 1 and "tokens differ from golden" in out


def test_text_is_cut_between_characters():
    tokenizer = Tokenizer.train(["the cat and the dog and the Ü"], 270)

    for count in range(1, 12):
        part = text_of(tokenizer, "the Ücat and the dog", count)
        assert "the Ücat and the dog".startswith(part) and len(tokenizer.encode(part)) <= count
    assert text_of(tokenizer, "the cat", 100) == "the cat"


def test_trace_shows_both(capsys):
    code, out, _ = run(capsys, "trace", "-m", TINY_PATH, "-p", "hello", "--values", 3, "--json")
    facts = json.loads(out)
    names = [vector["name"] for vector in facts["vectors"]]

    assert code == 0 and facts["position"] == 5
    assert {"embedding", "layers.0.f", "layers.1.state", "layers.1.residual", "logits",
            "layers.0.gate_up.codes", "head.codes"} <= set(names)
    for vector in facts["vectors"]:
        assert len(vector["integers"]) == len(vector["reference"]) == 3
        for integer, real in zip(vector["integers"], vector["golden"]):
            assert real == integer / 2**vector["fraction"]
        assert vector["error"] < 0.2 * vector["largest"] + 2
    first = next(vector for vector in facts["vectors"] if vector["name"] == "layers.0.f")
    # Nothing has been rounded to codes but the embedding: this near, or the formats are wrong.
    assert first["error"] < 1e-3 * first["largest"]


def test_trace_of_one_layer_and_position(capsys):
    code, out, _ = run(capsys, "trace", "-m", TINY_PATH, "-p", "hello", "--layer", 1,
                       "--position", 0)

    assert code == 0 and out.startswith("token 0 at position 0\n")
    assert "layers.1.f:" in out and "codes differ" in out and "layers.0." not in out


def test_inspect_shows_formats_and_calibration(capsys, tmp_path):
    path = tmp_path / "m.safetensors"
    model = Model.from_integers(
        random_model(24, 52, 2, 29, 7), tiny_model().tokenizer, {"name": "x"},
        {"source": "text", "tokens": 64, "largest": {"layers.0.f": 3.0, "layers.0.write": 1.0,
                                                     "layers.1.residual": 2.0},
         "golden_tokens": 32, "saturations": {"layers.1.z": 5, "layers.0.f": 2}})
    model.save(path)
    code, out, _ = run(capsys, "inspect", "-m", path, "--preset", "tiny")
    share = 3.0 / 2.0**(31 - model.layers[0].formats.f)

    assert code == 0 and f"f {model.layers[0].formats.f} ({share:.1%})" in out
    assert "7 results of the golden model saturated over 32 tokens" in out
    assert "layers.1.z: 5 saturated" in out
    _, out, _ = run(capsys, "inspect", "-m", path, "--preset", "tiny", "--json")
    facts = json.loads(out)
    assert facts["calibration"] == model.calibration
    assert facts["formats"][1] == vars(model.layers[1].formats)


def test_bad_input_gets_one_sentence(capsys, text, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "bytes.txt").write_bytes(b"ab\xff\xfe")
    (tmp_path / "capitals.txt").write_text("ABC")
    other, config = random_checkpoint(24, 52, 2, 29, 8)
    write_checkpoint(tmp_path / "other", other, config, tiny_model().tokenizer.to_json())
    other, config = random_checkpoint(24, 52, 1, 29, 8)
    write_checkpoint(tmp_path / "small", other, config, tiny_model().tokenizer.to_json())

    for arguments, message in (
            (["eval", "nowhere.txt"], "Text file nowhere.txt does not exist"),
            (["eval", tmp_path / "empty.txt"], "is empty; give another one"),
            (["eval", tmp_path / "bytes.txt"], "is no UTF-8 text (byte 2)"),
            (["eval", tmp_path / "capitals.txt", *GOLDEN], "Character 'A' at position 0"),
            (["eval", text, "-m", "nowhere"], "Model file nowhere does not exist"),
            (["eval", text, *GOLDEN, "-n", "0"], "argument -n/--tokens"),
            (["eval", text, *GOLDEN, "--checkpoint", tmp_path / "other"], "the weights differ"),
            (["eval", text, *GOLDEN, "--checkpoint", tmp_path / "small"],
             "num_hidden_layers differ"),
            (["eval", text, *GOLDEN, "--checkpoint", "nowhere"], "Checkpoint nowhere is no folder"),
            (["trace", "-m", TINY_PATH, "-p", "abc", "--position", "4"], "must be below 4, not 4"),
            (["trace", "-m", TINY_PATH, "-p", "abc", "--layer", "2"], "has 2 layers")):
        assert message in refused(capsys, *arguments)
