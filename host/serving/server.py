"""The HTTP server around an application."""

import contextlib
import os
import signal
import socket

import uvicorn

__all__ = ["listen", "make_server", "run"]

#: Seconds that responses under way may take to end when the server stops.
_PATIENCE = 5


def listen(host, port):
    """Return a socket that listens; OSError says in one sentence why not. Port 0 takes any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        unknown = isinstance(error, socket.gaierror)
        reason = error.strerror if unknown else os.strerror(error.errno)
        raise OSError(f"Cannot listen on {host}, port {port} ({reason}); give another "
                      "--port or --host") from None


class _Server(uvicorn.Server):
    """Breaks off the texts under way before it waits for their responses to end."""

    def __init__(self, config, worker):
        super().__init__(config)
        self._worker = worker

    async def shutdown(self, sockets=None):
        self._worker.stop()
        await super().shutdown(sockets)


def make_server(app, worker, *, verbose=False):
    """Return the server; setting its ``should_exit`` ends it."""
    return _Server(uvicorn.Config(
        app, loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None,
        access_log=verbose, timeout_graceful_shutdown=_PATIENCE), worker)


def run(server, listener):
    """Serve until SIGINT or SIGTERM, in the main thread."""
    # The server ends in order for either signal, and then raises it again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
