"""The scheduler: whatever joins and leaves beside it, a text is the same as alone."""

import numpy as np
import pytest

from checkpoints import tiny_model
from slot_boards import golden_board
from trine.firmware.registers import State
from trine.host.board import BoardError
from trine.host.generate import Generation
from trine.host.request import Request
from trine.host.sampling import Sampling
from trine.host.scheduler import Scheduler


@pytest.fixture(scope="module")
def alone():
    """Return a function: the tokens of a request on a board of one slot, with nothing beside it."""
    board = golden_board(1)

    def tokens(request):
        sampling = Sampling(**{name: getattr(request.sampling, name) for name in
                               ("temperature", "top_k", "repeat_penalty", "seed")})
        return list(Generation(board, tiny_model(), request.prompt, request.count, sampling,
                               on_board=request.on_board, end=request.end))

    yield tokens
    board.close()


def random_request(rng, *, on_board=None):
    length = int(rng.choice([1, 2, 5, 15, 16, 17, 40]))
    return Request(
        [0, *rng.integers(1, 29, length - 1).tolist()], int(rng.choice([0, 1, 2, 7, 20])),
        Sampling(temperature=float(rng.choice([0, 0.7, 1.1])), top_k=int(rng.choice([0, 5, 40])),
                 repeat_penalty=float(rng.choice([1, 1.2])), seed=int(rng.integers(1 << 32))),
        on_board=bool(rng.integers(2)) if on_board is None else on_board,
        end=int(rng.choice([0, 3, 40])))


@pytest.mark.parametrize("seed", range(12))
def test_texts_are_those_of_each_alone(seed, alone):
    rng = np.random.default_rng(seed)
    kind = (None, True, False)[seed % 3]
    waiting = [random_request(rng, on_board=kind) for _ in range(int(rng.integers(1, 9)))]
    requests, events = list(waiting), []
    with golden_board(int(rng.integers(1, 6))) as board:
        with Scheduler(board, tiny_model()) as scheduler:
            while waiting or not scheduler.idle:
                # Some come at once, some while others are under way.
                while waiting and rng.random() < 0.3:
                    scheduler.submit(waiting.pop())
                events += scheduler.step()
        assert board.status() == State.IDLE

    for request in requests:
        assert request.done and request.tokens == alone(request)
        told = [token for of, token in events if of is request]
        assert told == [*request.tokens, None]


@pytest.mark.parametrize("seed", range(4))
def test_cancelled_requests_leave_the_others_alone(seed, alone):
    rng = np.random.default_rng(seed)
    requests = [random_request(rng) for _ in range(8)]
    for request in requests:
        request.count = 30 if request.count else 0
    cancelled = {request: int(rng.integers(0, 12)) for request in requests[:4]}
    with golden_board(3) as board, Scheduler(board, tiny_model()) as scheduler:
        for request in requests:
            scheduler.submit(request)
        while not scheduler.idle:
            scheduler.step()
            for request, after in cancelled.items():
                if not request.done and len(request.tokens) >= after:
                    scheduler.cancel(request)

    for request in requests:
        expected = alone(request)
        assert request.done and request.tokens == expected[:len(request.tokens)]
        assert request in cancelled or len(request.tokens) == len(expected)


def test_a_long_prompt_goes_through_the_free_slots(alone):
    rng = np.random.default_rng(5)
    text = [0, *rng.integers(1, 29, 60).tolist()]
    requests = [Request(text, 9, Sampling(seed=n, temperature=n / 3), on_board=n != 1)
                for n in range(3)]
    played = []
    with golden_board(5) as board, Scheduler(board, tiny_model(), played.append) as scheduler:
        scheduler.submit(requests[0])
        scheduler.step()
        assert scheduler.prefilled == sum(played) == 60
        scheduler.submit(requests[1])
        scheduler.step()
        assert scheduler.prefilled == 120
        # With three of five slots busy it would keep more texts waiting than it helps.
        scheduler.submit(Request([0], 50, Sampling()))
        scheduler.step()
        scheduler.submit(requests[2])
        for _ in scheduler:
            pass
        assert scheduler.prefilled == 120
    for request in requests:
        assert request.tokens == alone(request)


def test_one_step_at_a_time():
    """Texts come token by token, side by side, not one after the other."""
    with golden_board(3) as board, Scheduler(board, tiny_model()) as scheduler:
        requests = [scheduler.submit(Request([0, 5], 12, Sampling(seed=n), on_board=True))
                    for n in range(3)]
        order = [requests.index(request) for request, token in scheduler if token is not None]
        assert order == [0, 1, 2] * 12


def test_leaving_in_the_middle_leaves_the_board_idle(alone):
    with golden_board(2) as board:
        with pytest.raises(KeyboardInterrupt), Scheduler(board, tiny_model()) as scheduler:
            for n in range(4):
                scheduler.submit(Request([0, 5, 7], None, Sampling(seed=n), on_board=n > 1))
            for k, _ in enumerate(scheduler):
                if k == 9:
                    raise KeyboardInterrupt
        assert board.status() == State.IDLE and board.read("TOKEN_QUEUE", 0) == 0
        request = Request([0, 9], 6, Sampling(seed=4), on_board=True)
        with Scheduler(board, tiny_model()) as scheduler:
            scheduler.submit(request)
            assert [token for _, token in scheduler][:-1] == alone(request)


@pytest.mark.parametrize(("request_", "message"), [
    (Request([], 1, Sampling()), "A prompt must have a token"),
    (Request([0], 1, Sampling(temperature=0.001), on_board=True), "Temperature 0.001 is out of"),
    (Request([0], 1, Sampling(top_k=0)), "The board keeps 16 logits"),
])
def test_requests_that_cannot_be_carried_out(request_, message):
    with golden_board(1, logit_words=16) as board, Scheduler(board, tiny_model()) as scheduler:
        with pytest.raises((ValueError, BoardError), match=message):
            scheduler.submit(request_)
        assert scheduler.idle


def test_tokens_that_nobody_took():
    with golden_board(2) as board, Scheduler(board, tiny_model()) as scheduler:
        scheduler.submit(Request([0], None, Sampling(temperature=0), on_board=True))
        scheduler.step()
        for _ in range(400):
            board.status()
        with pytest.raises(BoardError, match="tokens that nobody took, and it keeps 256; call"):
            scheduler.step()
