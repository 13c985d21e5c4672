"""Synthetic models: shapes in words, models that nothing saturates in, gateware equal to golden."""

import numpy as np
import pytest

from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import SHAPES, Shape, parse_shape, synthetic_model
from trine.sim.golden.machine import Machine
from trine.sim.golden.mlgru import MLGRU

SMALL = Shape(layers=3, dim=40, hidden=84, vocab=30)


def test_shapes_in_words():
    assert parse_shape("synthetic:layers=3,dim=40,hidden=84,vocab=30") == SMALL
    assert parse_shape(f"synthetic:{SMALL.text}") == SMALL
    assert parse_shape("synthetic-370m") == SHAPES["synthetic-370m"]
    assert parse_shape("tales.safetensors") is None


@pytest.mark.parametrize("text, why", [
    ("synthetic", "is not known"),
    ("synthetic-5b", "is not known"),
    ("synthetic:layers=1", "must name layers, dim, hidden and vocab"),
    ("synthetic:layers=1,dim=2,hidden=3,vocab=4,heads=5", "must name layers, dim, hidden and"),
    ("synthetic:layers=one,dim=2,hidden=3,vocab=4", "cannot be read"),
    ("synthetic:layers", "cannot be read"),
    ("synthetic:layers=0,dim=2,hidden=3,vocab=4", "layers of a synthetic model must be 1 or more"),
])
def test_wrong_shapes(text, why):
    with pytest.raises(ValueError, match=why):
        parse_shape(text)


def test_the_named_model_fits_its_preset():
    shape = SHAPES["synthetic-25m"]
    model = synthetic_model(shape, name="synthetic-25m")
    assert shape.layers >= 8 and 25e6 <= model.ternary_weights < 25.1e6
    zeros = np.mean([np.mean(p.trits == 0) for p in model.projections.values()])
    assert abs(zeros - 1 / 3) < 0.01

    config = preset("ulx3s")
    assert model.image(config).size <= config.memory_size


def test_nothing_saturates_and_something_happens():
    model = synthetic_model(Shape(layers=8, dim=120, hidden=320, vocab=200))
    machine = Machine(config := preset("ulx3s"), (image := model.image(config)).data)
    machine.play(image.tapes["load"])
    golden = MLGRU(model)
    for token in range(12):
        machine.play(image.tapes["token"], [token])
        logits = golden.step(token)
        np.testing.assert_array_equal(machine.slots[0].sampler.buffer[:200], logits)
        assert 0.5 < logits.std() / (1 << 16) < 2
    assert machine.saturations == 0
    assert len(np.unique(golden.state)) > 500


def test_gateware_equals_golden():
    model = synthetic_model(SMALL)
    with Board(SimulatedTransport(preset("tiny")), "assumed") as board:
        board.upload(model.image(board.config))
        result = compare(board, model, [0, 7], 8, temperature=0.8, seed=3)
    assert result == {"tokens": 8, "mismatches": 0, "first_mismatch": None, "state_equal": True}
