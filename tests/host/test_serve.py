"""The server on the simulated board, talked to by the `openai` package."""

import random
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from checkpoints import TINY_PATH, tiny_model
from command_line import run
from serving import serving, until
from slot_boards import golden_board
from trine.firmware.config import preset
from trine.firmware.registers import State
from trine.host.board import Board
from trine.host.generate import Generation
from trine.host.sampling import Sampling
from trine.host.simulated import SimulatedTransport
from trine.host.text_stream import TextStream

SLOTS = 3
#: A text that goes on until somebody ends it.
ENDLESS = {"model": "tiny", "prompt": "ab", "max_tokens": 5000, "extra_body": {"ignore_eos": True}}


@pytest.fixture(scope="module")
def board():
    with Board(SimulatedTransport(preset("tiny").replace(slots=SLOTS)), "assumed") as board:
        yield board.upload(tiny_model().image(board.config))


@pytest.fixture(scope="module")
def served(board):
    with serving(board) as served:
        yield served


@pytest.fixture
def client(served):
    with served.client() as client:
        yield client
    until(lambda: served.free)


@pytest.fixture(scope="module")
def golden():
    with golden_board(1) as board:
        yield board


def alone(golden, prompt, *, max_tokens, seed, stop=(), temperature=0.8, top_p=0.95,
          ignore_eos=False, sample_on_board=False):
    """Return the text of a request on a board of one slot with nothing beside it."""
    tokenizer = tiny_model().tokenizer
    stream = TextStream(tokenizer.stream(), stop)
    generation = Generation(
        golden, tiny_model(), [tokenizer.begin, *tokenizer.encode(prompt)], max_tokens,
        Sampling(temperature=temperature, top_p=top_p, seed=seed), on_board=sample_on_board,
        end=None if ignore_eos else tokenizer.end)
    tokens = iter(generation)
    for token in tokens:
        stream.feed(token)
        if stream.stopped:
            break
    tokens.close()
    stream.finish()
    return stream.text


def ask(client, settings):
    """Return the text of a request, streamed or not."""
    settings = dict(settings)
    extra = {name: settings.pop(name) for name in ("ignore_eos", "sample_on_board")}
    answer = client.completions.create(model="tiny", **settings, extra_body=extra)
    if not settings["stream"]:
        return answer.choices[0].text
    return "".join(chunk.choices[0].text for chunk in answer)


def random_settings(rng):
    prompt = "".join(rng.choices("abcdefghij klm", k=rng.choice([0, 1, 5, 40])))
    on_board = rng.random() < 0.5
    # What the board's sampler does not know is left out.
    on_host = {} if on_board else {"top_p": rng.choice([0.5, 0.95, 1.0])}
    return {"prompt": prompt, "max_tokens": rng.choice([1, 2, 9, 30]),
            "seed": rng.randrange(1 << 32), "stop": rng.choice([[], ["q"], ["ab", "e", "xyz"]]),
            "ignore_eos": rng.random() < 0.5, "temperature": rng.choice([0, 0.7, 1.2]),
            "sample_on_board": on_board, "stream": rng.random() < 0.5, **on_host}


@pytest.mark.parametrize("sample_on_board", [False, True])
def test_a_text_is_that_of_generate(client, capsys, sample_on_board):
    options = ["-p", "hello", "-n", 30, "--seed", 3, *["--sample-on-board"] * sample_on_board]
    out = run(capsys, "generate", "--device", "golden", "--preset", "tiny", "-m", TINY_PATH,
              *options)[1]
    answer = client.completions.create(model="tiny", prompt="hello", max_tokens=30, seed=3,
                                       echo=True, extra_body={"sample_on_board": sample_on_board})

    assert answer.choices[0].text + "\n" == out
    assert answer.object == "text_completion" and answer.model == "tiny" and answer.seed == 3


def test_texts_beside_each_other_are_those_of_each_alone(served, golden):
    """Four clients at once on three slots; each asks one request after the other."""
    def talk(number):
        rng = random.Random(number)
        with served.client() as client:
            return [(settings, ask(client, settings))
                    for settings in [random_settings(rng) for _ in range(4)]]

    with ThreadPoolExecutor(4) as pool:
        answers = [answer for answers in pool.map(talk, range(4)) for answer in answers]
    for settings, text in answers:
        settings.pop("stream")
        assert text == alone(golden, **settings)
    assert len({text for _, text in answers}) > 8


def test_prompts_and_choices(client, golden):
    """More texts than slots: those that find none wait."""
    answer = client.completions.create(model="tiny", prompt=["ab", "x y"], n=4, seed=0xFFFFFFFE,
                                       max_tokens=7, extra_body={"ignore_eos": True})

    assert [choice.index for choice in answer.choices] == list(range(8))
    for choice in answer.choices:
        seed = (0xFFFFFFFE + choice.index % 4) & 0xFFFFFFFF
        prompt = ["ab", "x y"][choice.index // 4]
        assert choice.text == alone(golden, prompt, max_tokens=7, seed=seed, ignore_eos=True)
        assert choice.finish_reason == "length" and choice.logprobs is None
    assert answer.usage.prompt_tokens == 3 + 4 and answer.usage.completion_tokens == 8 * 7
    assert answer.usage.total_tokens == 7 + 56


def test_prompts_of_tokens(client):
    tokens = [0, *tiny_model().tokenizer.encode("abc")]
    settings = {"model": "tiny", "max_tokens": 5, "seed": 1, "echo": True}
    text = client.completions.create(prompt="abc", **settings).choices[0].text

    assert client.completions.create(prompt=tokens, **settings).choices[0].text == text
    both = client.completions.create(prompt=[tokens, tokens], **settings)
    assert [choice.text for choice in both.choices] == [text, text]
    assert text.startswith("abc") and both.usage.prompt_tokens == 8


def test_a_stream_says_the_same(client):
    settings = {"model": "tiny", "prompt": ["ab", "cd"], "n": 2, "max_tokens": 9, "seed": 4,
                "echo": True}
    whole = client.completions.create(**settings)
    chunks = list(client.completions.create(**settings, stream=True,
                                            stream_options={"include_usage": True}))
    texts, ends = [""] * 4, [None] * 4
    for chunk in chunks[:-1]:
        choice, = chunk.choices
        assert ends[choice.index] is None and chunk.usage is None
        texts[choice.index] += choice.text
        ends[choice.index] = choice.finish_reason

    assert texts == [choice.text for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert not chunks[-1].choices and chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("stop", ["k", ["zz", "kz", "k"]])
def test_stop_and_length(client, golden, stop):
    settings = {"model": "tiny", "prompt": "ab", "max_tokens": 40, "seed": 2,
                "extra_body": {"ignore_eos": True}}
    full, = client.completions.create(**settings).choices
    cut = client.completions.create(**settings, stop=stop)

    assert full.finish_reason == "length" and "k" in full.text
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].text == full.text.partition("k")[0]
    # Begin tokens count, though they are no text.
    assert len(cut.choices[0].text) < cut.usage.completion_tokens < 40


def test_the_end_of_a_text(client):
    """Some seed's text comes to the end token."""
    answers = [client.completions.create(model="tiny", prompt="ab", max_tokens=200, seed=seed)
               for seed in range(2)]

    assert [answer.choices[0].finish_reason for answer in answers] == ["stop", "stop"]
    assert all(answer.usage.completion_tokens < 200 for answer in answers)


def test_defaults(client):
    answer = client.completions.create(model="tiny", prompt="ab", extra_body={"ignore_eos": True})

    assert answer.usage.completion_tokens == 16 and 0 <= answer.seed < 1 << 32
    again = client.completions.create(model="tiny", prompt="ab", seed=answer.seed, user="somebody",
                                      extra_body={"ignore_eos": True})
    assert again.choices[0].text == answer.choices[0].text
    empty = client.completions.create(model="tiny", prompt="ab", max_tokens=0, echo=True)
    assert empty.choices[0].text == "ab" and empty.choices[0].finish_reason == "length"


def test_models(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "trine"
    with pytest.raises(openai.NotFoundError, match='no model "huge"; this server has "tiny"'):
        client.models.retrieve("huge")
    with pytest.raises(openai.NotFoundError, match='no model "huge"; this server') as caught:
        client.completions.create(model="huge", prompt="a")
    assert caught.value.code == "model_not_found" and caught.value.param == "model"


def test_a_stream_comes_while_its_text_is_under_way(served, client):
    with client.completions.create(**ENDLESS, stream=True) as chunks:
        assert next(iter(chunks)).choices[0].finish_reason is None
        health = served.health
        assert health == {"status": "ok", "model": "tiny", "board": "the simulated board",
                          "slots": SLOTS, "slots_in_use": 1, "waiting": 0}


def test_clients_that_go_away_free_their_slots(served, client):
    streams = [client.completions.create(**ENDLESS, stream=True) for _ in range(SLOTS + 2)]
    until(lambda: (served.health["slots_in_use"], served.health["waiting"]) == (SLOTS, 2))
    streams[0].close()
    until(lambda: (served.health["slots_in_use"], served.health["waiting"]) == (SLOTS, 1))
    # One that does not stream, and goes while it waits for a slot; then all others.
    with pytest.raises(openai.APITimeoutError):
        client.completions.create(**ENDLESS, timeout=0.5)
    for stream in streams[1:]:
        stream.close()
    until(lambda: served.free)


def test_a_full_queue_refuses(served, client):
    with client.completions.create(**ENDLESS, stream=True, n=SLOTS + 8):
        until(lambda: served.health["waiting"] == 8)
        with pytest.raises(openai.InternalServerError) as caught:
            client.completions.create(model="tiny", prompt="a")
        assert caught.value.status_code == 503 and caught.value.code == "queue_full"
        assert caught.value.message.endswith(
            "All 3 slots are busy and 8 texts wait already; try again later")
        assert caught.value.response.headers["retry-after"] == "1"
    until(lambda: served.free)
    assert client.completions.create(model="tiny", prompt="a").choices


def test_shutdown_breaks_off_and_leaves_the_board_idle(board, served):
    """Last of the file: the server ends here."""
    with served.client() as client:
        with pytest.raises(openai.APIError, match="The server is shutting down"):
            for n, _ in enumerate(client.completions.create(**ENDLESS, stream=True)):
                if n == 3:
                    served.server.should_exit = True
    served.worker.__exit__()
    assert board.status() == State.IDLE and board.read("TOKEN_QUEUE", 0) == 0
