"""The gateware with several slots: scheduler, prefill and speculation give the golden texts."""

from dataclasses import replace

import numpy as np
import pytest

import trine.host.scheduler as scheduler_module
from checkpoints import tiny_model
from slot_boards import golden_board
from trine.firmware.config import preset
from trine.firmware.registers import Counter, State
from trine.host.board import Board
from trine.host.generate import Generation
from trine.host.request import Request
from trine.host.sampling import Sampling
from trine.host.scheduler import Scheduler
from trine.host.simulated import SimulatedTransport
from trine.host.speculation import Speculation

SLOTS = 3


@pytest.fixture(scope="module")
def board():
    with Board(SimulatedTransport(preset("tiny").replace(slots=SLOTS)), "assumed") as board:
        yield board.upload(tiny_model().image(board.config))


@pytest.fixture(scope="module")
def golden():
    with golden_board(1) as board:
        yield board


def alone(golden, request):
    return list(Generation(golden, tiny_model(), request.prompt, request.count,
                           replace(request.sampling), on_board=request.on_board, end=request.end))


@pytest.mark.parametrize("on_board", [True, False, None])
def test_texts_that_join_and_leave(board, golden, on_board):
    rng = np.random.default_rng(3)
    waiting = [
        Request([0, *rng.integers(1, 29, length).tolist()], int(rng.integers(3, 20)),
                Sampling(temperature=(0, 0.8)[n % 2], top_k=(40, 0)[n // 2 % 2], seed=n),
                on_board=n % 3 > 0 if on_board is None else on_board, end=3)
        for n, length in enumerate((2, 40, 5, 0, 17, 1, 30))]
    requests = list(waiting)
    with Scheduler(board, tiny_model()) as scheduler:
        while waiting or not scheduler.idle:
            while waiting and rng.random() < 0.2:
                scheduler.submit(waiting.pop(0))
            scheduler.step()

    assert board.status() == State.IDLE
    for request in requests:
        assert request.done and request.tokens == alone(golden, request)


@pytest.mark.parametrize("on_board", [True, False])
def test_a_prompt_through_all_slots(board, golden, on_board):
    prompt = [0, *np.random.default_rng(4).integers(1, 29, 60).tolist()]
    request = Request(prompt, 8, Sampling(temperature=0.8, seed=6), on_board=on_board)
    generation = Generation(board, tiny_model(), prompt, 8, replace(request.sampling),
                            on_board=on_board)

    assert list(generation) == alone(golden, request)
    assert generation.prompt_counters[Counter.TOKENS] == 60 // SLOTS
    alone_cycles = 60 * generation.counters.cycles_per_token
    assert 2 * generation.prompt_counters[Counter.CYCLES] < alone_cycles


@pytest.mark.parametrize(("temperature", "on_board"), [(0, True), (0.2, True), (0.8, False)])
def test_speculation(board, golden, temperature, on_board):
    request = Request([0, *[4, 9, 2, 7] * 6], 30, Sampling(temperature=temperature, seed=5),
                      on_board=on_board)
    expected = alone(golden, request)
    speculation = Speculation(board, tiny_model(), request.prompt, 30, replace(request.sampling),
                              on_board=on_board)

    assert list(speculation) == expected
    assert board.status() == State.IDLE
    assert speculation.plays == 30 - speculation.accepted


@pytest.mark.parametrize("prompt", [1, 40])
def test_a_text_that_joins_shortly_before_the_run_ends(board, golden, prompt, monkeypatch):
    """Another run begins before a token boundary has come to the reset of its slot."""
    monkeypatch.setattr(scheduler_module, "_PAUSE", 0)
    before = Request([0, 5, 7, 22, 11], 3, Sampling(temperature=0))
    endless = Request([0], None, Sampling(temperature=0), on_board=True)
    joins = Request([0], 4, Sampling(temperature=0))
    with Scheduler(board, tiny_model()) as scheduler:
        # Slot 0 is to have an old state, and the run to be one that lets no slot wait.
        for request in (before, endless):
            scheduler.submit(request)
        while not before.done or len(endless.tokens) < 4:
            scheduler.step()
        scheduler.submit(joins)
        scheduler.step()
        scheduler.cancel(endless)
        late = Request([0, *[4, 9, 2, 7] * 10][:prompt], 3, Sampling(temperature=0))
        scheduler.submit(late)
        for _ in scheduler:
            pass

    for request in (joins, late):
        assert request.tokens == alone(golden, request)
