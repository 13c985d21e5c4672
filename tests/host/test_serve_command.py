"""`trine serve` as a user starts and ends it."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from checkpoints import TINY_PATH
from command_line import refused, run

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ["--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH)]


@contextmanager
def started(*options, device=GOLDEN, slots="one slot"):
    """Start the command on a free port; yield (process, connection)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trine.host.cli", "serve", *device, "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            line = process.stderr.readline()
            port = re.fullmatch(rf"\S+ on golden, {slots}: http://127\.0\.0\.1:(\d+)/v1 "
                                r"\(Ctrl-C ends\)\n", line)[1]
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=300)
            yield process, connection
            connection.close()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(number):
    body = {"model": "toy", "prompt": "a", "max_tokens": 5000, "ignore_eos": True, "stream": True}
    with started("--alias", "toy", "--verbose", "--max-tokens", "5000") as (process, connection):
        connection.request("POST", "/v1/completions", json.dumps(body))
        response = connection.getresponse()
        assert response.status == 200 and response.readline().startswith(b"data: {")
        process.send_signal(number)
        last = response.read().split(b"\n\n")[-2]
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "shutting_down"
        out, err = process.communicate(timeout=300)

    assert process.returncode == 0 and out == ""
    request, stopped = err.splitlines()
    assert re.fullmatch(r'127\.0\.0\.1:\d+ - "POST /v1/completions HTTP/1\.1" 200', request)
    assert stopped == "stopped"


def test_the_model_is_called_as_in_its_file():
    with started() as (_, connection):
        connection.request("GET", "/v1/models")
        assert json.loads(connection.getresponse().read())["data"][0]["id"] == "tiny"


def test_examples_of_the_documentation(capsys):
    """They work, and the text is that of `trine generate`."""
    text = (ROOT / "docs/serve.md").read_text()
    example, = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    calls = re.findall(r"^curl http://127\.0\.0\.1:8080(\S+)(?: -d '(.*)')?$", text, re.MULTILINE)
    with started(device=["--device", "golden"], slots="8 slots") as (_, connection):
        answers = []
        for path, body in calls:
            connection.request("POST" if body else "GET", path, body or None)
            answers.append(connection.getresponse().read())
        exec(example.replace("8080", str(connection.port)), {})
    printed = capsys.readouterr().out
    options = ["--device", "golden", "-p", "Once upon a time", "-n", 20, "--seed", 1]

    assert len(calls) == 3 and answers[1].endswith(b"data: [DONE]\n\n")
    whole = "Once upon a time" + json.loads(answers[0])["choices"][0]["text"] + "\n"
    assert run(capsys, "generate", *options)[1] == whole
    assert run(capsys, "generate", *options, "--top-k", 10)[1] == f"Once upon a time{printed}\n"
    assert list(json.loads(answers[2])) == re.findall(r'"(\w+)":', text.split("texts wait:")[1])


def test_a_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(capsys, "serve", *GOLDEN, "--port", port) == (
            f"trine: Cannot listen on 127.0.0.1, port {port} (Address already in use); give "
            "another --port or --host")


@pytest.mark.parametrize(("options", "message"), [
    (["--host", "300.1.1.1"], "Cannot listen on 300.1.1.1, port 8080 ("),
    (["--port", 70000], "argument --port: must be a whole number from 0 to 65535, not '70000'"),
    (["--queue", -1], "argument --queue: must be a whole number from 0 to 4096"),
    (["--port", 0, "-m", "missing"], "Model file missing does not exist; give one with -m"),
    (["--port", 0, "--device", "/dev/missing"], "/dev/missing"),
])
def test_bad_options_get_one_sentence(capsys, options, message):
    assert message in refused(capsys, "serve", *GOLDEN, *options)


_WITHOUT = """
import sys

class Finder:
    def find_spec(name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Finder)
from trine.host.cli import main
sys.exit(main(["serve"]))
"""


@pytest.mark.parametrize("missing", ["uvicorn", "starlette"])
def test_without_the_web_framework(missing):
    done = subprocess.run([sys.executable, "-c", _WITHOUT, missing], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == (
        "trine: Serving needs Starlette and uvicorn, which are not installed; run make serve, or "
        "pip install 'trine[serve]'\n")


def test_several_slots_are_the_default(capsys):
    assert "(default: ulx3s-8)" in " ".join(run(capsys, "serve", "--help")[1].split())
