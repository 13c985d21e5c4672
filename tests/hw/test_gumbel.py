"""Gumbel and its pipelined twin against the golden model."""

import random

import numpy as np
import pytest

from bench import run, transfers
from conversion import convert
from trine.hw.gumbel import Gumbel
from trine.hw.gumbel_pipeline import GumbelPipeline
from trine.sim.golden.gumbel import gumbel, mix


def draws():
    rng = random.Random(1)
    edges = [0, 1, 0xFFFFFFFF]
    inputs = [{"seed": seed, "position": position, "row": row}
              for seed in edges for position in edges for row in (0, 1, (1 << 18) - 1)]
    return inputs + [{"seed": rng.getrandbits(32), "position": rng.getrandbits(32),
                      "row": rng.getrandbits(18)} for _ in range(60)] + far_out()


def far_out():
    """Return draws far out in either tail, where the hash's leading one lies low."""
    rows = np.arange(1 << 18)
    inputs = []
    for seed in range(4):
        c, _ = mix(seed, 0, rows)
        for extreme in (np.argmin(c), np.argmin(np.where(c >> 31, 0xFFFFFFFF, c)),
                        np.argmax(c), np.argmin(np.abs(c.astype(np.int64) - (1 << 31)))):
            inputs.append({"seed": seed, "position": 0, "row": int(extreme)})
    return inputs


@pytest.mark.parametrize("component", [Gumbel, GumbelPipeline])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_matches_golden(component, stall):
    inputs = draws()
    outputs = run(component(), inputs, len(inputs), stall={"i": stall})

    assert outputs == [int(gumbel(n["seed"], n["position"], np.array([n["row"]]))[0])
                       for n in inputs]
    # Among them are some from far out in both tails.
    assert min(outputs) < -10_000 and max(outputs) > 45_000


@pytest.mark.parametrize("component, interval", [(Gumbel, Gumbel.interval), (GumbelPipeline, 1)])
def test_latency_and_interval(component, interval):
    moved = transfers(component(), {"i": draws()[:4]}, {"o": 4}, stall=0.0)

    taken = [cycle for cycle, _ in moved["i"]]
    assert np.diff(taken).tolist() == [interval] * 3
    assert [cycle for cycle, _ in moved["o"]] == [cycle + component.latency for cycle in taken]


def test_converts():
    assert "rotated" in convert(Gumbel())
    assert "index" in convert(GumbelPipeline())
