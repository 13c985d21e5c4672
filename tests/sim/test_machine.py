"""The two golden compositions agree, and the tape compiler is trusted for that reason."""

from dataclasses import replace

import numpy as np
import pytest

from checkpoints import random_model, tiny_model
from trine.firmware.compiler import compile_image
from trine.firmware.config import preset
from trine.host.calibration import Saturations, count_saturations
from trine.sim.golden.machine import Machine
from trine.sim.golden.mlgru import MLGRU

CASES = {
    "tiny": ((24, 52, 2, 29), preset("tiny")),
    "one lane group": ((23, 51, 2, 31), preset("tiny").replace(lanes=5)),
    "constants in the tape": ((20, 40, 1, 33), preset("tiny").replace(constant_words=64)),
    "half of the constants in the tape": ((20, 40, 3, 33), preset("tiny").replace(
        lanes=20, vector_lanes=4, constant_words=256)),
    "channel mixer in chunks": ((20, 100, 2, 33), preset("tiny").replace(vector_words=256)),
    "four vector lanes": ((23, 50, 2, 33), preset("tiny").replace(
        lanes=20, vector_lanes=4, vector_words=256)),
    "constants in the tape of eight vector lanes": ((20, 42, 1, 33), preset("tiny").replace(
        lanes=40, vector_lanes=8, constant_words=64)),
    "three slots": ((20, 40, 2, 33), preset("tiny").replace(slots=3)),
    "streamed state": ((24, 52, 3, 29), preset("tiny").replace(slots=3, state_words=32)),
    "streamed state of one slot": ((22, 52, 3, 29), preset("tiny").replace(state_words=32)),
    "streamed state, wide bursts": ((21, 52, 3, 29), preset("tiny").replace(
        memory_bytes=8, slots=2, state_words=32)),
    "vectors in parts": ((40, 160, 4, 33), preset("tiny").replace(
        lanes=20, vector_lanes=4, slots=3, vector_words=128, state_words=128, code_words=256,
        max_cols=256)),
    "token mixer in parts": ((60, 100, 2, 33), preset("tiny").replace(
        slots=2, vector_words=256, state_words=256, code_words=256)),
    "token mixer of one slot in parts": ((60, 100, 2, 33), preset("tiny").replace(
        vector_words=256, state_words=256, code_words=256)),
    "ulx3s": ((200, 480, 2, 260), preset("ulx3s")),
}


@pytest.mark.parametrize("case", CASES)
def test_tape_equals_composition(case):
    shape, config = CASES[case]
    model = random_model(*shape)
    image = compile_image(model, config)
    machine = Machine(config, image.data)
    machine.play(image.tapes["load"])
    texts = np.random.default_rng(1).integers(0, model.vocab_size, (6, config.slots)).tolist()

    golden = [MLGRU(model) for _ in range(config.slots)]
    for tokens in texts:
        machine.play(image.tapes["token"], tokens)
        for slot, composition, token in zip(machine.slots, golden, tokens):
            np.testing.assert_array_equal(slot.sampler.logits, composition.step(token))
    for index, composition in enumerate(golden):
        np.testing.assert_array_equal(machine.state(image, index), composition.state.ravel())


def test_both_count_the_same_saturations():
    """With formats that are far too fine for their vectors."""
    model = random_model(24, 52, 2, 29)
    layers = tuple(replace(layer, formats=replace(
        layer.formats, **{key: getattr(layer.formats, key) + 7 for key in ("i", "gate_up", "z")}))
        for layer in model.layers)
    model = replace(model, layers=layers, residual_fraction=29)
    image = compile_image(model, preset("tiny"))
    machine, counts = Machine(preset("tiny"), image.data), Saturations()
    machine.play(image.tapes["load"])
    golden = MLGRU(model)
    for token in (1, 5, 8):
        machine.play(image.tapes["token"], [token])
        np.testing.assert_array_equal(machine.slots[0].sampler.logits,
                                      golden.step(token, counts.watch))

    assert counts.total == machine.saturations > 100
    assert {"layers.0.gate_up", "layers.1.i", "layers.1.residual"} <= counts.keys()
    assert count_saturations(model, [1, 5, 8]) == counts


def test_inactive_slot_keeps_everything():
    config = preset("tiny").replace(slots=2)
    model = tiny_model()
    image = compile_image(model, config)
    together, alone = Machine(config, image.data), Machine(config, image.data)
    for machine in (together, alone):
        machine.play(image.tapes["load"])
    for token in (3, 1, 4):
        together.play(image.tapes["token"], [token, 0], active=[0])
        alone.play(image.tapes["token"], [token, token + 1])
        np.testing.assert_array_equal(together.slots[0].sampler.logits,
                                      alone.slots[0].sampler.logits)
    assert together.slots[1].position == 0 and not together.state(image, 1).any()


def test_state_is_saved_and_restored():
    config = preset("tiny")
    model = tiny_model()
    image = compile_image(model, config)
    machine = Machine(config, image.data)
    machine.play(image.tapes["load"])
    for token in (5, 6, 7):
        machine.play(image.tapes["token"], [token])
    state = machine.state(image)
    machine.slots[0].state[:] = 0
    machine.play(image.tapes["restore"])

    assert state.any()
    np.testing.assert_array_equal(machine.state(image), state)


def test_state_reads_as_zero_at_position_zero():
    config = preset("tiny")
    image = compile_image(tiny_model(), config)
    machine = Machine(config, image.data)
    machine.play(image.tapes["load"])
    machine.play(image.tapes["token"], [5])
    first = machine.slots[0].sampler.logits
    machine.play(image.tapes["token"], [5])
    assert not np.array_equal(machine.slots[0].sampler.logits, first)
    machine.reset()
    machine.play(image.tapes["token"], [5])

    np.testing.assert_array_equal(machine.slots[0].sampler.logits, first)
