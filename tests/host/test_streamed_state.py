"""States that do not fit the state memory: the same texts, whoever joins and leaves beside."""

from dataclasses import replace

import numpy as np
import pytest

from trine.firmware.assembler import disassemble
from trine.firmware.config import preset
from trine.firmware.isa import Opcode
from trine.firmware.registers import State
from trine.host import restore_stream, save_stream
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.generate import Generation
from trine.host.links import LoopbackTransport
from trine.host.request import Request
from trine.host.sampling import Sampling
from trine.host.scheduler import Scheduler
from trine.host.simulated import SimulatedTransport
from trine.host.speculation import Speculation
from trine.host.synthetic import Shape, synthetic_model
from trine.sim.golden_board import GoldenBoard

#: Vector memory holds half of what a layer wants, state memory one state and most of z.
CONFIG = preset("ulx3s").replace(vector_lanes=4, slots=3, vector_words=128, logit_words=128,
                                 state_words=128, constant_words=1024, code_words=256,
                                 max_cols=256, token_queue=16)
ROOMY = preset("tiny").replace(state_words=256, code_words=256, max_cols=256, vector_words=1024)
MODEL = synthetic_model(Shape(layers=4, dim=40, hidden=160, vocab=33))


def golden_board(config):
    board = Board(LoopbackTransport(GoldenBoard(config).receive), "assumed")
    return board.upload(MODEL.image(config))


@pytest.fixture(scope="module", params=["golden", "gateware"])
def board(request):
    if request.param == "golden":
        with golden_board(CONFIG) as board:
            yield board
        return
    with Board(SimulatedTransport(CONFIG), "assumed") as board:
        yield board.upload(MODEL.image(CONFIG))


@pytest.fixture(scope="module")
def roomy():
    """Return a board of one slot that keeps all states."""
    with golden_board(ROOMY) as board:
        assert not board.image.states.streamed
        yield board


def alone(roomy, request):
    return list(Generation(roomy, MODEL, request.prompt, request.count, replace(request.sampling),
                           on_board=request.on_board))


def test_only_parts_of_vectors_are_there():
    image = MODEL.image(CONFIG)
    tape = image.tapes["token"]
    start = tape.base * CONFIG.memory_bytes
    code = disassemble(image.data[start:start + tape.size], CONFIG.lanes)
    moved = {opcode: [i.fields for i in code if i.opcode == opcode and i.fields["slot_stride"]]
             for opcode in (Opcode.LOAD, Opcode.STORE)}

    assert image.streamed_bytes == 4 * 4 * 40
    for fields in moved.values():
        assert sum(each["length"] for each in fields) == 4 * 40
        assert all(image.state_base <= each["base"] < image.state_base + image.state_stride
                   and each["slot_stride"] == image.state_stride for each in fields)
    assert image.vector_words <= 128 and image.state_words <= 128


def test_every_logit_is_golden(board):
    result = compare(board, MODEL, [0, 5, 9], 12, temperature=0.8, seed=1)

    assert (result["mismatches"], result["state_equal"]) == (0, True)
    # The SDRAM is not read where nothing was written.
    assert getattr(board.transport, "violations", 0) == 0


def test_texts_that_join_and_leave(board, roomy):
    rng = np.random.default_rng(3)
    waiting = [
        Request([0, *rng.integers(1, 33, length).tolist()], int(rng.integers(3, 12)),
                Sampling(temperature=(0, 0.8)[n % 2], seed=n), on_board=n % 3 > 0)
        for n, length in enumerate((2, 26, 5, 0, 11, 1))]
    requests = list(waiting)
    with Scheduler(board, MODEL) as scheduler:
        while waiting or not scheduler.idle:
            while waiting and rng.random() < 0.2:
                scheduler.submit(waiting.pop(0))
            scheduler.step()

    assert board.status() == State.IDLE
    for request in requests:
        assert request.done and request.tokens == alone(roomy, request)


def test_a_prompt_through_all_slots(board, roomy):
    """Then one that goes on from a slot that takes no part."""
    request = Request([0, *np.random.default_rng(4).integers(1, 33, 29).tolist()], 6,
                      Sampling(temperature=0.8, seed=6), on_board=True)
    expected = alone(roomy, request)
    generation = Generation(board, MODEL, request.prompt, 6, replace(request.sampling),
                            on_board=True)
    assert list(generation) == expected

    board.clear_queues(0b111)
    first = board.prefill(request.prompt[:8], [2])
    last = board.prefill(request.prompt[8:-1], [0, 1], source=first)
    assert (first, last, board.read("POSITION", last)) == (2, 1, len(request.prompt) - 1)
    assert list(Generation(board, MODEL, request.prompt[-1:], 6, replace(request.sampling),
                           slot=last, fresh=False, on_board=True)) == expected


@pytest.mark.parametrize("temperature", [0, 0.2])
def test_speculation(board, roomy, temperature):
    request = Request([0, *[4, 9, 2, 7] * 4], 16, Sampling(temperature=temperature, seed=5),
                      on_board=True)
    speculation = Speculation(board, MODEL, request.prompt, 16, replace(request.sampling),
                              on_board=True)

    assert list(speculation) == alone(roomy, request)
    assert speculation.plays == 16 - speculation.accepted


def test_a_stream_goes_on_where_states_are_kept(board, roomy):
    settings = {"count": 5, "sampling": Sampling(temperature=0)}
    whole = list(Generation(roomy, MODEL, [0, 5, 9], 10, Sampling(temperature=0)))
    list(Generation(board, MODEL, [0, 5, 9], slot=1, **settings))
    saved = save_stream(board, MODEL, slot=1)
    restore_stream(roomy, MODEL, saved)
    assert list(Generation(roomy, MODEL, whole[4:5], fresh=False, **settings)) == whole[5:]
    restore_stream(board, MODEL, save_stream(roomy, MODEL), slot=2)
    assert board.read("POSITION", 2) == 3 + 9
    np.testing.assert_array_equal(board.state(2), roomy.state())
