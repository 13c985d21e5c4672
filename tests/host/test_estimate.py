"""Estimates of models of any size, and the command that prints them."""

import json

import pytest

from trine.host.cli import main
from trine.host.estimate import BITNET_2B4T, PUBLISHED, GivenRate, Target, estimate
from trine.host.synthetic import Shape
from trine.hw.boards import boards

#: As large as needs more than the layers that are played.
MIDDLING = Shape(layers=5, dim=240, hidden=640, vocab=512)


def facts(capsys, *arguments):
    assert main(["estimate", "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_shipped_model_fits_its_board(capsys):
    (result,) = facts(capsys)

    assert result["fits"] and not result["what_if"] and result["memory_bytes_missing"] == 0
    assert result["board"] == "ulx3s-85f" and result["clock_source"] == "assumed"
    assert 0.95 < result["roofline"] < 0.985
    assert result["tokens_per_second"] == pytest.approx(1e8 / result["cycles_per_token"], rel=1e-4)
    assert result["watts"]["low"] < result["watts"]["typical"] < result["watts"]["high"]
    assert result["joules_per_token"]["typical"] == pytest.approx(
        result["watts"]["typical"] / result["tokens_per_second"], rel=0.01)


def test_published_size_on_every_board(capsys):
    results = facts(capsys, "-m", "370m", "--board", "all")

    assert [result["board"] for result in results] == list(boards())
    for result in results:
        # arXiv 2406.02528: body and head, five to a byte; embedding of 16 bits; gains.
        assert result["ternary_weights"] == 308_281_344 + 32_768_000
        assert 134e6 < result["memory_bytes_needed"] < 136e6
        assert result["memory_bytes_missing"] == result["memory_bytes_needed"] - (32 << 20)
        assert result["what_if"]
        assert result["state_bytes_streamed"] == 24 * 1024 * 4
        assert "state_words" not in result["raised"]
        assert 0.85 < result["roofline"] < 0.985


def test_the_simulated_memory_of_an_ecpix_5(capsys):
    """Against what the simulated board counted, docs/results.md; three layers stand for all."""
    (result,) = facts(capsys, "-m", "370m", "--preset", "ecpix-5")

    assert result["fits"] and result["memory_bytes_missing"] == 0
    assert result["cycles_per_token"] == pytest.approx(9_426_966, rel=0.01)


@pytest.mark.parametrize(("name", "weights"), [
    ("1.3b", 1_233_125_376 + 65_536_000), ("2.7b", 2_537_553_920 + 81_920_000)])
def test_published_shapes_have_their_weights(name, weights):
    shape = PUBLISHED[name]
    layer = 4 * shape.dim**2 + 3 * shape.dim * shape.hidden

    assert shape.layers * layer + shape.vocab * shape.dim == weights


def test_bitnet_projections():
    result = estimate(BITNET_2B4T, "2b4t", Target(
        "ulx3s-85f", memory=GivenRate(8, 1 << 30, 0.9), vector_lanes=4))

    assert result.weights == 2_084_044_800
    assert result.memory_needed == pytest.approx(result.weights / 5, rel=0.001)
    assert not result.memory_missing
    assert 0.85 < result.roofline < 0.9


def test_layers_that_are_not_played_take_as_long_as_those_that_are(monkeypatch):
    target = Target("ulx3s-85f")
    whole = estimate(MIDDLING, "middling", target)
    monkeypatch.setattr("trine.host.estimate._ALL_PLAYED", 0)
    extrapolated = estimate(MIDDLING, "middling", target)

    assert extrapolated.cycles == pytest.approx(whole.cycles, rel=0.005)


def test_slots_share_the_weights(capsys):
    one, eight = (facts(capsys, "--slots", slots, "--vector-lanes", "4")[0] for slots in "18")

    assert 4 < eight["aggregate_tokens_per_second"] / one["aggregate_tokens_per_second"] < 8
    assert eight["watts"]["typical"] > one["watts"]["typical"]


def test_large_state_is_loaded_and_stored():
    shape = Shape(layers=300, dim=256, hidden=256, vocab=512)
    result = estimate(shape, "deep", Target("ulx3s-85f"))

    assert result.streamed_bytes == 300 * 256 * 4 and not result.changes
    assert 0.5 < result.roofline < 0.95


def test_text_says_what_lacks(capsys):
    assert main(["estimate", "-m", "2.7b", "--board", "icepi-zero", "--clock", "80"]) == 0
    text = capsys.readouterr().out

    for part in ("690.1 MB of 33.6 MB: 656.6 MB too little", "too few", "WHAT-IF", "loaded and",
                 "vector_words 16,384 instead of 2,048", "80 MHz assumed", "J/token", "1 slot,"):
        assert part in text


@pytest.mark.parametrize(("arguments", "message"), [
    (["-m", "5b"], "Model '5b' is no file, and none of 370m"),
    (["-m", "synthetic:layers=2"], "must name layers, dim, hidden and vocab"),
    (["--board", "de10"], "Board 'de10' does not exist"),
    (["--memory", "8"], "like 8,512M,0.9, not '8'"),
    (["--memory", "3,1M"], "a power of two of bytes a clock, 2 to 128, not 3"),
    (["--memory", "8,512M,2"], "a share from 0.01 to 1, not 2"),
    (["--memory", "8,512M,0.5,1"], "too many parts"),
    (["--lanes", "7"], "Lane count must be a multiple of 5"),
    (["--vector-lanes", "3"], "must be 1, 2, 4 or 8, not 3"),
    (["--slots", "17"], "a whole number from 1 to 16"),
    (["--clock", "5"], "leaves no time for data"),
])
def test_bad_input_is_one_sentence(capsys, arguments, message):
    try:
        code = main(["estimate", *arguments])
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()

    assert code == 2 and not captured.out
    assert message in captured.err and captured.err.count("\n") == 1
