"""Requests that cannot be carried out get one sentence, and the server goes on."""

import json
import logging
import random
import socket
import time

import pytest

from checkpoints import tiny_model
from serving import serving, until
from slot_boards import golden_board
from trine.firmware.registers import State
from trine.host.board import Board
from trine.host.links import DeviceError
from trine.host.request import Request
from trine.host.sampling import Sampling
from trine.host.serving.text import Text
from trine.host.serving.worker import Worker
from trine.host.text_stream import TextStream


@pytest.fixture(scope="module")
def served():
    # With logits for 16 of its 29 tokens the board cannot give them all.
    with golden_board(3, logit_words=16) as board, \
            serving(board, queue=2, max_prompt=20, max_tokens=30) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog):
    """No traceback reaches the server's log either."""
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def refused(served, body, status=400, path="/v1/completions", method=None):
    """Send what must be refused; return the sentence and the field it names."""
    got, answer, _ = served.send(path, body, method)
    error = answer["error"]
    assert got == status and list(answer) == ["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"] == "invalid_request_error"
    assert "\n" not in error["message"] and "Traceback" not in error["message"]
    return error["message"], error["param"]


@pytest.mark.parametrize(("body", "message"), [
    (b"", "The body is no JSON: Expecting value: line 1 column 1 (char 0)"),
    (b"{", "The body is no JSON: Expecting property name"),
    (b"prompt=a", "The body is no JSON: Expecting value"),
    (b"\xff\xfe\x00", "The body is no JSON: "),
    (b"[" * 100_000, "The body is no JSON: maximum recursion depth"),
    (b'{"prompt": "a", "temperature": NaN}', "The body is no JSON: NaN is no JSON number"),
    (b'{"prompt": ' + b"9" * 5000 + b"}", "The body is no JSON: Exceeds the limit"),
    (b"[1, 2]", "The body must be a JSON object, not a list"),
    (b'"a"', 'The body must be a JSON object, not "a"'),
    (b"null", "The body must be a JSON object, not null"),
])
def test_bodies(served, body, message):
    assert refused(served, body)[0].startswith(message)


@pytest.mark.parametrize(("fields", "message"), [
    ({"prompt": None}, "prompt is missing; give a text or a list of tokens"),
    ({"prompt": 5}, "prompt must be a text, a list of texts, a list of tokens or a list of such "
                    "lists, not 5"),
    ({"prompt": {}}, "prompt must be a text, a list of texts, a list of tokens or a list of such "
                     "lists, not an object"),
    ({"prompt": []}, "such lists, not an empty list"),
    ({"prompt": ["a", 1]}, "such lists, not a list that mixes these or holds others"),
    ({"prompt": [[]]}, "such lists, not a list that mixes these or holds others"),
    ({"prompt": [True]}, "such lists, not a list that mixes these or holds others"),
    ({"prompt": [1.0]}, "such lists, not a list that mixes these or holds others"),
    ({"prompt": [29]}, "prompt must hold tokens from 0 to 28, not 29"),
    ({"prompt": [-1]}, "prompt must hold tokens from 0 to 28, not -1"),
    ({"prompt": [10**400]}, "prompt must hold tokens from 0 to 28, not 1000"),
    ({"prompt": "Ünder"}, "prompt cannot be encoded: Character 'Ü' at position 0 is not in"),
    ({"prompt": "a\ud800"}, "prompt holds half a character (a lone surrogate, position 1)"),
    ({"prompt": "a" * 20}, "prompt has 21 tokens, and this server takes 20 (trine serve "
                           "--max-prompt); shorten it"),
    ({"prompt": ["a", [0] * 21]}, "such lists, not a list that mixes"),
    ({"prompt": [[0], [0] * 21]}, "prompt has 21 tokens, and this server takes 20"),
    ({"prompt": ["a"] * 6}, "prompt and n ask for 6 texts; this server takes 5 at a time"),
    ({"prompt": ["a"] * 2, "n": 3}, "prompt and n ask for 6 texts; this server takes 5 at a time"),
    ({"n": 0}, "n must be a whole number from 1 to 5, not 0"),
    ({"n": True}, "n must be a whole number from 1 to 5, not true"),
    ({"max_tokens": -1}, "max_tokens must be a whole number from 0 to 30, not -1"),
    ({"max_tokens": 31}, "max_tokens must be a whole number from 0 to 30, not 31"),
    ({"max_tokens": 2.5}, "max_tokens must be a whole number from 0 to 30, not 2.5"),
    ({"max_tokens": "16"}, 'max_tokens must be a whole number from 0 to 30, not "16"'),
    ({"temperature": -0.1}, "temperature must be a number from 0 to 100, not -0.1"),
    ({"temperature": "hot"}, 'temperature must be a number from 0 to 100, not "hot"'),
    ({"temperature": 10**400}, "temperature must be a number from 0 to 100, not 1000"),
    ({"temperature": 0.001, "sample_on_board": True}, "temperature 0.001 is out of the board's"),
    ({"top_p": 1.1}, "top_p must be a number from 0 to 1, not 1.1"),
    ({"top_p": []}, "top_p must be a number from 0 to 1, not a list"),
    ({"top_p": 0.9, "sample_on_board": True}, "top_p does not go with sample_on_board: the board "
                                              "samples by temperature alone; leave one out"),
    ({"top_k": 0.5}, "top_k must be a whole number from 0 to 1048576, not 0.5"),
    ({"top_k": 0}, "top_k must be from 1 to 64: this board keeps 16 logits of a token beyond that, "
                   "and the model has 29"),
    ({"min_p": -1}, "min_p must be a number from 0 to 1, not -1"),
    ({"repeat_penalty": 0}, "repeat_penalty must be a number from 0.01 to 100, not 0"),
    ({"seed": 1 << 32}, "seed must be a whole number from -1 to 4294967295, not 4294967296"),
    ({"stop": 5}, "stop must be a text or a list of up to 16 texts, not 5"),
    ({"stop": ["a"] * 17}, "stop must be a text or a list of up to 16 texts, not more"),
    ({"stop": ["a", None]}, "stop must be a text, not null"),
    ({"stop": "a" * 201}, "stop must have 200 characters or fewer"),
    ({"stop": "\udfff"}, "stop holds half a character"),
    ({"stream": 1}, "stream must be true or false, not 1"),
    ({"echo": "yes"}, 'echo must be true or false, not "yes"'),
    ({"ignore_eos": 0}, "ignore_eos must be true or false, not 0"),
    ({"stream_options": {}}, "stream_options only goes with stream; leave it out"),
    ({"stream": True, "stream_options": 1}, "stream_options must be an object, not 1"),
    ({"stream": True, "stream_options": {"include_usage": 1}},
     "stream_options.include_usage must be true or false, not 1"),
    ({"stream": True, "stream_options": {"x": 1}},
     'There is no field "stream_options.x"; there is include_usage'),
    ({"best_of": 2}, "best_of is not supported, for the board keeps no probabilities; leave it"),
    ({"logprobs": 0}, "logprobs is not supported: the board keeps no probabilities; leave it out"),
    ({"suffix": "b"}, "suffix is not supported: the model only reads forward; leave it out"),
    ({"logit_bias": {"5": 1}}, "logit_bias is not supported: the sampler knows no bias; leave it"),
    ({"presence_penalty": 0.5}, "presence_penalty is not supported: take repeat_penalty, as in"),
    ({"frequency_penalty": "x"}, "frequency_penalty is not supported: take repeat_penalty"),
    ({"messages": []}, 'There is no field "messages"; docs/serve.md lists what there is'),
    ({"m" * 99: 1}, f'There is no field "{"m" * 39}...; docs/serve.md'),
    ({"model": 5}, "model must be a text, not 5"),
])
def test_fields(served, fields, message):
    sentence, param = refused(served, {"prompt": "a", "max_tokens": 2} | fields)
    assert message.lower() in sentence.lower()
    assert param and param.partition(".")[0] in ({"prompt", *fields})


def test_what_changes_nothing_is_taken(served):
    nothing = {"logprobs": None, "suffix": "", "logit_bias": {}, "frequency_penalty": 0, "n": 1,
               "presence_penalty": 0.0, "best_of": 1, "stop": "", "user": ["a"], "stream": False,
               "stream_options": None, "seed": -1, "model": None}
    assert served.send("/v1/completions", {"prompt": "a", "max_tokens": 2} | nothing)[0] == 200


def test_paths(served):
    assert refused(served, None, 404, "/v1/chat/completions?a=1")[0] == (
        'There is no path "/v1/chat/completions"; there are /v1/completions, /v1/models and '
        "/health")
    assert refused(served, None, 405)[0] == "The path /v1/completions does not take GET"
    assert refused(served, None, 405, "/health", "DELETE")[0].endswith("does not take DELETE")
    assert refused(served, {"model": "x", "prompt": "a"}, 404)[1] == "model"


def test_a_body_too_large(served):
    body = {"prompt": "a" * (1 << 20)}
    sentence, _ = refused(served, body, 413)
    assert sentence == (f"The body has {len(json.dumps(body))} bytes, and this server takes "
                        "1048576; shorten the prompt")


@pytest.mark.parametrize("part", [
    b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{",
    b"POST /v1/comple",
    b'POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"prompt": "a"}',
])
def test_clients_that_go_in_the_middle(served, part):
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(part)
    until(lambda: served.free)


def random_value(rng, depth=2):
    """Return something JSON can say."""
    kind = rng.randrange(9 if depth else 7)
    if kind == 7:
        return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return {"".join(rng.choices("ab\x00é", k=2)): random_value(rng, depth - 1)
                for _ in range(rng.randrange(3))}
    return [None, rng.random() < 0.5, rng.randrange(-3, 40),
            rng.choice([1 << 31, 1 << 64, -10**30]), rng.uniform(-1, 2),
            10.0 ** rng.randrange(-300, 300),
            "".join(rng.choices("ab \n\x00éÜ\ud83d\ude00😀", k=rng.randrange(6)))][kind]


_FIELDS = ["model", "prompt", "max_tokens", "temperature", "top_p", "top_k", "min_p", "n", "seed",
           "repeat_penalty", "stop", "stream", "stream_options", "echo", "logprobs", "best_of",
           "suffix", "logit_bias", "frequency_penalty", "presence_penalty", "user", "ignore_eos",
           "sample_on_board", "messages", "", "__class__"]


def random_body(rng):
    body = {"prompt": rng.choice(["a", "bc d", ["a", "b"], [0, 5], [[0], [0, 7]]]),
            "model": rng.choice(["tiny"] * 9 + ["large"]), "max_tokens": 2}
    for name in rng.choices(_FIELDS, k=rng.randrange(4)):
        body[name] = random_value(rng)
    text = json.dumps(body).encode()
    spoil = rng.random()
    if spoil < 0.15:
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
    elif spoil < 0.25:
        text = text[:rng.randrange(len(text))]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_random_bodies(served, seed):
    rng, counts = random.Random(seed), {200: 0, 400: 0, 404: 0}
    for _ in range(120):
        body = random_body(rng)
        status, answer, headers = served.send_raw("/v1/completions", body)
        counts[status] += 1
        if status != 200:
            message = json.loads(answer)["error"]["message"]
            assert message and "\n" not in message and "Traceback" not in message, body
        elif headers["content-type"].startswith("text/event-stream"):
            assert answer.endswith(b"data: [DONE]\n\n"), body
        else:
            assert json.loads(answer)["choices"], body
    assert min(counts.values()) > 0 and counts[200] > 20
    until(lambda: served.free)
    assert served.health["status"] == "ok"


def test_a_board_that_fails(monkeypatch):
    def fail(*_, **__):
        raise DeviceError("The device on /dev/ttyUSB0 is gone")

    sentence = "The board has failed: The device on /dev/ttyUSB0 is gone; start the server again"
    with golden_board(2) as board, serving(board) as served:
        with monkeypatch.context() as patched:
            patched.setattr(Board, "status", fail)
            status, answer, _ = served.send("/v1/completions", {"prompt": "a"})
            assert status == 503 and answer["error"] == {
                "message": sentence, "type": "server_error", "param": None, "code": "board_failed"}
            status, health, _ = served.send("/health")
            assert status == 503 and (health["status"], health["error"]) == ("error", sentence)
            assert health["slots_in_use"] == health["waiting"] == 0
        assert served.send("/v1/completions", {"prompt": "a"})[0] == 503


def test_a_stop_text_frees_the_slot():
    pieces, tokenizer = [], tiny_model().tokenizer
    text = Text(0, Request([0], None, Sampling(seed=1)), TextStream(tokenizer.stream(), ["k"]),
                pieces.append)
    with golden_board(1) as board, Worker(board, tiny_model(), 0) as worker:
        worker.submit([text])
        until(lambda: text.request.done)
        assert worker.slots_in_use == worker.waiting == 0

    assert [piece.finish for piece in pieces] == [None] * (len(pieces) - 1) + ["stop"]
    assert tokenizer.token_bytes(text.request.tokens[-1]) == b"k"
    assert text.generated == len(text.request.tokens)


def test_stopping_while_a_long_prompt_is_read(monkeypatch):
    seen, reading = [], Worker._reading

    def counted(self, count):
        seen.append(count)
        time.sleep(0.01)
        reading(self, count)

    monkeypatch.setattr(Worker, "_reading", counted)
    with golden_board(3) as board:
        with serving(board, max_prompt=3000) as served:
            with socket.create_connection(("127.0.0.1", served.port)) as connection:
                body = b'{"prompt": "%b"}' % (b"a" * 2999)
                connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                   b"%d\r\n\r\n%b" % (len(body), body))
                until(lambda: len(seen) > 3)
                served.server.should_exit = True
                answer = b"".join(iter(lambda: connection.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 503") and b"The server is shutting down" in answer
        assert sum(seen) < 2999 and board.status() == State.IDLE
