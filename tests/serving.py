"""A server in a thread, on a free port, and who talks to it."""

import http.client
import json
import threading
import time
from contextlib import contextmanager

from openai import OpenAI

from checkpoints import tiny_model
from trine.host.serving.app import make_app
from trine.host.serving.completion_request import Limits
from trine.host.serving.server import listen, make_server
from trine.host.serving.worker import Worker

__all__ = ["Served", "serving", "until"]


def until(condition, seconds=120):
    """Wait until ``condition()``; AssertionError where that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Served:
    """A server that runs: its ``worker``, its ``server`` and its ``port``."""

    def __init__(self, worker, server, port):
        self.worker, self.server, self.port = worker, server, port

    def client(self):
        """Return an :class:`OpenAI` client, to be closed."""
        return OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="none", max_retries=0)

    def send(self, path, body=None, method=None):
        """Send one request; return (status, body as JSON, headers)."""
        status, answer, headers = self.send_raw(path, body, method)
        return status, json.loads(answer), headers

    def send_raw(self, path, body=None, method=None):
        """Send one request; return (status, body as bytes, headers)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            connection.request(method or ("GET" if body is None else "POST"), path, body)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    @property
    def health(self):
        """What /health says."""
        return self.send("/health")[1]

    @property
    def free(self):
        """Whether no text holds a slot or waits for one."""
        health = self.health
        return health["slots_in_use"] == health["waiting"] == 0


@contextmanager
def serving(board, *, queue=8, max_prompt=256, max_tokens=5000):
    """Serve ``board``, which holds the tiny model; yield :class:`Served`."""
    with listen("127.0.0.1", 0) as listener, Worker(board, tiny_model(), queue) as worker:
        limits = Limits(max_prompt, max_tokens, worker.slots + queue)
        server = make_server(make_app(worker, "tiny", limits), worker)
        thread = threading.Thread(target=server.run, args=([listener],))
        port = listener.getsockname()[1]
        thread.start()
        try:
            until(lambda: server.started)
            yield Served(worker, server, port)
        finally:
            server.should_exit = True
            thread.join()
