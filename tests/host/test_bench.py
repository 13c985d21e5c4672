"""`trine bench`: what it counts, its three formats, and what it refuses."""

import csv
import json

import pytest

from command_line import refused, run
from trine.firmware.config import preset
from trine.firmware.registers import Counter
from trine.host.bench import measure
from trine.host.board import Board
from trine.host.commands import common
from trine.host.commands.selftest import compare
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import parse_shape, synthetic_model

MODEL = "synthetic:layers=2,dim=40,hidden=60,vocab=30"
BENCH = ["bench", "--preset", "tiny", "-m", MODEL]


def test_json(capsys):
    code, out, _ = run(capsys, *BENCH, "-p", 20, "-n", 3, "-r", 2, "--json")
    report = json.loads(out)

    assert code == 0 and out.count("\n") == 1
    assert {"preset", "model", "slots", "cycles_per_token", "roofline",
            "aggregate_tokens_per_second", "cycles_by_cause"} <= set(report)
    assert [test["test"] for test in report["tests"]] == ["pp20", "tg3"]
    assert report["test"] == "tg3" and report["preset"] == "tiny" and report["model"] == MODEL
    for test in report["tests"]:
        cycles = test["cycles_per_token"]
        assert abs(sum(test["cycles_by_cause"].values()) - cycles) < 1
        weights = 2 * (4 * 40 * 40 + 3 * 40 * 60) + 30 * 40
        assert test["ternary_weights"] == weights
        assert test["roofline"] == pytest.approx(weights / 5 / 2 / cycles, abs=1e-4)
        assert test["aggregate_tokens_per_second"] == pytest.approx(100e6 / cycles, rel=1e-4)
        assert test["clock_source"] == "assumed" and test["saturations"] == 0
        assert test["repetitions"] == 2
    assert set(report["cycles_by_cause"]) | {"host"} == {
        c.name[6:].lower() for c in Counter if c.name.startswith("CAUSE_")}


def test_markdown_and_csv(capsys):
    code, out, _ = run(capsys, *BENCH, "-p", 2, "-n", 2)
    assert code == 0
    head, _, prompt, generated = out.splitlines()[:4]
    assert head.startswith("| model | weights | preset |")
    assert "| pp2 |" in prompt and "| tg2 |" in generated and "%" in generated
    assert "watts: estimate" in out

    code, out, _ = run(capsys, *BENCH, "-p", 0, "-n", 2, "-o", "csv")
    (row,) = csv.DictReader(out.splitlines())
    assert code == 0 and row["test"] == "tg2" and float(row["cycles_by_cause_array"]) > 0


def test_slots():
    """Each slot generates its own text, and one prompt fills them all."""
    model = synthetic_model(parse_shape(MODEL))
    config = preset("tiny").replace(slots=3)
    with Board(SimulatedTransport(config), "assumed") as board:
        board.upload(model.image(config))
        prompt, generated = measure(board, model, prompt=7, generate=2)
    assert (prompt.tokens, prompt.slots) == (7, 3) and generated.tokens == 6
    # Three plays: one token, three, three.
    cycles = sum(c[Counter.CYCLES] - c[Counter.CAUSE_HOST] for c in prompt.counters)
    assert prompt.counters[0][Counter.TOKENS] == 3
    assert prompt.tokens_per_second == pytest.approx(7 * config.clock_hz / cycles)
    assert generated.tokens_per_second == pytest.approx(
        3 * config.clock_hz / generated.cycles_per_token)
    # A prompt needs neither the head nor what follows the last state.
    assert prompt.weights < generated.weights == model.ternary_weights


@pytest.mark.parametrize("arguments, why", [
    (["-p", 0, "-n", 0], "Nothing to measure"),
    (["--slots", 2], "The board has 1 slots, not 2"),
    (["--device", "golden"], "golden model knows no time"),
    (["-m", "synthetic:layers=1"], "must name layers, dim, hidden and vocab"),
    (["-m", "synthetic:layers=9,dim=40,hidden=300,vocab=30"], "raise max_cols"),
    (["-m", "nowhere.safetensors"], "does not exist"),
])
def test_bad_input(capsys, arguments, why):
    assert why in refused(capsys, *BENCH, "-p", 1, "-n", 1, *arguments)


def test_the_back_door():
    """An image that did not pass through the link gives the same board."""
    model = synthetic_model(parse_shape(MODEL))
    with Board(SimulatedTransport(preset("ulx3s")), "assumed") as board:
        image = model.image(board.config)
        board.transport.load(image.data)
        board.adopt(image)
        board.check_image(image)
        assert compare(board, model, [0, 3], 4, temperature=0, seed=1)["mismatches"] == 0
        assert board.transport.violations == 0
        with pytest.raises(ValueError, match="no SDRAM that holds"):
            board.transport.load(bytes((32 << 20) + 1))


def test_a_large_image_takes_the_back_door(capsys, monkeypatch):
    def upload(self, image, progress=None):
        raise AssertionError("over the link")

    monkeypatch.setattr(common, "_LARGE", 1 << 10)
    monkeypatch.setattr(Board, "upload", upload)
    code, out, _ = run(capsys, "generate", "-p", "The", "-n", 2, "--seed", 1)

    assert code == 0 and out.startswith("The")


def test_no_back_door_to_block_ram():
    with Board(SimulatedTransport(preset("tiny")), "assumed") as board, \
            pytest.raises(ValueError, match="no SDRAM that holds"):
        board.transport.load(bytes(2))
