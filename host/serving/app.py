"""The server's paths."""

import asyncio
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .completion import Completion
from .completion_request import read_completion_request
from .errors import ApiError
from .fields import shown

__all__ = ["make_app"]

#: Bytes of a request's body at most.
_BODY = 1 << 20


class _EventStream(StreamingResponse):
    """A stream of server-sent events; ``ended`` is called however it ends."""

    def __init__(self, events, ended):
        super().__init__(events, media_type="text/event-stream",
                         headers={"Cache-Control": "no-store"})
        self._ended = ended

    async def __call__(self, scope, receive, send):
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def _read_body(request):
    body, size = bytearray(), 0
    # A client looks for the answer when it has sent everything, so all is read, though not kept.
    async for piece in request.stream():
        size += len(piece)
        if size <= _BODY:
            body += piece
    if size > _BODY:
        raise ApiError(413, f"The body has {size} bytes, and this server takes {_BODY}; shorten "
                            "the prompt")
    return bytes(body)


async def _disconnected(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _unless_disconnected(request, coroutine):
    """Return what ``coroutine`` returns; ClientDisconnect where the client goes before."""
    wanted = asyncio.ensure_future(coroutine)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({wanted, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not wanted.done():
            raise ClientDisconnect
        return wanted.result()
    finally:
        wanted.cancel()
        gone.cancel()


class _Paths:
    """What the paths do."""

    def __init__(self, worker, name, limits):
        self._worker, self._name, self._limits = worker, name, limits
        self._created = int(time.time())

    async def completions(self, request):
        """Generate texts (POST /v1/completions)."""
        worker = self._worker
        asked = read_completion_request(
            await _read_body(request), model=worker.model, name=self._name,
            config=worker.board.config, limits=self._limits)
        completion = Completion(asked, worker.model.tokenizer, self._name)
        worker.submit(completion.texts)

        def ended():
            worker.cancel(completion.texts)

        if asked.stream:
            return _EventStream(completion.chunks(), ended)
        try:
            return JSONResponse(await _unless_disconnected(request, completion.whole()))
        finally:
            ended()

    @property
    def _model(self):
        return {"id": self._name, "object": "model", "created": self._created,
                "owned_by": "trine"}

    async def models(self, _request):
        """List the model (GET /v1/models)."""
        return JSONResponse({"object": "list", "data": [self._model]})

    async def model(self, request):
        """Tell of the model (GET /v1/models/NAME)."""
        asked = request.path_params["name"]
        if asked != self._name:
            raise ApiError(404, f"There is no model {shown(asked)}; this server has "
                                f"{shown(self._name)}", "model", "model_not_found")
        return JSONResponse(self._model)

    async def health(self, _request):
        """Tell how the server is (GET /health)."""
        worker = self._worker
        body = {"status": "error" if worker.failure else "ok", "model": self._name,
                "board": worker.board.transport.name, "slots": worker.slots,
                "slots_in_use": worker.slots_in_use, "waiting": worker.waiting}
        if worker.failure:
            body["error"] = worker.failure
        return JSONResponse(body, 503 if worker.failure else 200)


async def _api_error(_request, error):
    return JSONResponse(error.as_dict(), error.status, error.headers)


async def _http_error(request, error):
    message = {
        404: f"There is no path {shown(request.url.path)}; there are /v1/completions, /v1/models "
             "and /health",
        405: f"The path {request.url.path} does not take {request.method}",
    }.get(error.status_code, error.detail)
    body = ApiError(error.status_code, message).as_dict()
    return JSONResponse(body, error.status_code, error.headers)


async def _client_gone(_request, _error):
    return Response(status_code=400)


async def _fault(_request, _error):
    error = ApiError(500, "The server has a fault; what it printed tells more")
    return JSONResponse(error.as_dict(), error.status)


def make_app(worker, name, limits):
    """Return the application.

    worker : :class:`.worker.Worker`; name : str, the model's; limits :
    :class:`.completion_request.Limits`
    """
    paths = _Paths(worker, name, limits)
    return Starlette(
        routes=[Route("/v1/completions", paths.completions, methods=["POST"]),
                Route("/v1/models", paths.models),
                Route("/v1/models/{name:path}", paths.model),
                Route("/health", paths.health)],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error,
                            ClientDisconnect: _client_gone, Exception: _fault})
