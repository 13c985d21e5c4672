"""Random legal tapes on the simulated board and on the golden machine: every bit of state equal."""

import numpy as np
import pytest

from random_tapes import random_image
from trine.firmware.config import preset
from trine.firmware.registers import Counter, RunFlags, State
from trine.host.board import Board
from trine.host.simulated import SimulatedTransport
from trine.sim.golden.machine import Machine

PLAYS = 3


@pytest.fixture(scope="module")
def board():
    with Board(SimulatedTransport(preset("tiny")), "assumed") as board:
        yield board


@pytest.mark.parametrize("seed", range(40))
def test_random_tape(board, seed):
    config = board.config
    image = random_image(config, seed)
    machine = Machine(config, image.data)
    tokens = np.random.default_rng(seed).integers(0, 20, PLAYS).tolist()

    before = board.counters()
    board.upload(image)
    board.queue(tokens)
    first = board.read("TOKEN_COUNT", 0)
    board.start("token", count=PLAYS, reset=1, flags=RunFlags.TOKENS)
    board.wait(State.IDLE)
    for token, (sampled, crc) in zip(tokens, board.sampled(first, PLAYS)):
        expected = machine.play(image.tapes["token"], [token])[0]
        assert (sampled, crc) == (expected, machine.slots[0].sampler.crc)
    slot = machine.slots[0]
    expected = np.concatenate([slot.vector, slot.state]).astype("<i4")
    np.testing.assert_array_equal(board.state(), expected)
    machine.play(image.tapes["save"])
    saturations = (board.counters() - before)[Counter.SATURATIONS]
    assert saturations == machine.saturations
