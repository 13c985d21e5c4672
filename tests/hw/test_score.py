"""Score and its pipelined twin against the golden model."""

import random

import numpy as np
import pytest

from bench import run, transfers
from conversion import convert
from trine.hw.score import Score
from trine.hw.score_pipeline import ScorePipeline
from trine.sim.golden.gumbel import gumbel
from trine.sim.golden.score import score


def rows(slots):
    rng = random.Random(slots)
    edges = [-(1 << 31), (1 << 31) - 1, -1, 0, 255, 256, -256, -65536]
    logits = edges + [rng.randrange(-(1 << 31), 1 << 31) for _ in range(12)]
    return [{"slot": rng.randrange(slots), "row": rng.getrandbits(18), "logit": logit}
            for logit in logits]


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("beta", [0, 1, 333, 0xFFFF])
def test_matches_golden(slots, stall, beta):
    rng = random.Random(beta)
    seeds, positions = ([rng.getrandbits(32) for _ in range(slots)] for _ in range(2))
    inputs = rows(slots)
    pins = {"gumbel": 1, "beta": beta, "seed": seeds, "position": positions}
    outputs = run(Score(slots=slots), inputs, len(inputs), pins=pins, stall={"i": stall})

    for n, output in zip(inputs, outputs):
        slot = n["slot"]
        noise = gumbel(seeds[slot], positions[slot], np.array([n["row"]]))
        expected = int(score(np.array([n["logit"]]), beta, noise)[0])
        assert output == {"slot": slot, "row": n["row"], "score": expected}
    assert len(outputs) == len(inputs)


def test_without_noise_the_logit_is_the_score():
    inputs = rows(3)
    outputs = run(Score(slots=3), inputs, len(inputs), pins={"gumbel": 0, "beta": 5})

    assert outputs == [{"slot": n["slot"], "row": n["row"], "score": n["logit"]} for n in inputs]


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("slots", [1, 3, 16])
def test_pipeline_matches_golden(slots, stall):
    rng = random.Random(slots)
    seeds, positions = ([rng.getrandbits(32) for _ in range(slots)] for _ in range(2))
    betas = [rng.choice([0, 1, 333, 0xFFFF]) for _ in range(slots)]
    noisy = rng.getrandbits(slots) | 1
    inputs = rows(slots) * 3
    pins = {"gumbel": noisy, "beta": betas, "seed": seeds, "position": positions}
    outputs = run(ScorePipeline(slots=slots), inputs, len(inputs), pins=pins, stall={"i": stall})

    for n, output in zip(inputs, outputs, strict=True):
        slot, expected = n["slot"], n["logit"]
        if noisy >> slot & 1:
            noise = gumbel(seeds[slot], positions[slot], np.array([n["row"]]))
            expected = int(score(np.array([expected]), betas[slot], noise)[0])
        assert output == {"slot": slot, "row": n["row"], "score": expected}


def test_pipeline_takes_one_a_clock():
    moved = transfers(ScorePipeline(slots=3), {"i": rows(3)}, {"o": 20}, stall=0.0,
                      pins={"gumbel": 0b101, "beta": [256] * 3})

    taken = [cycle for cycle, _ in moved["i"]]
    assert set(np.diff(taken)) == {1}
    assert [cycle for cycle, _ in moved["o"]] == [n + ScorePipeline.latency for n in taken]


@pytest.mark.parametrize("mode", [0, 1])
def test_latency_and_interval(mode):
    moved = transfers(Score(slots=1), {"i": rows(1)[:4]}, {"o": 4}, stall=0.0,
                      pins={"gumbel": mode, "beta": 256})

    taken = [cycle for cycle, _ in moved["i"]]
    latency = Score.latency_gumbel if mode else Score.latency
    assert max(np.diff(taken)) == (Score.interval if mode else 1)
    assert [cycle for cycle, _ in moved["o"]] == [cycle + latency for cycle in taken]


@pytest.mark.parametrize("component", [Score, ScorePipeline])
def test_rejects_no_slots(component):
    with pytest.raises(ValueError, match=r"^Slot count must be positive, not 0$"):
        component(slots=0)


def test_converts():
    for slots in (1, 3):
        assert "scaled" in convert(Score(slots=slots))
        assert "scaled" in convert(ScorePipeline(slots=slots))
