"""A completion under way: its texts, and the JSON that tells of them."""

import asyncio
import contextlib
import json
import time
import uuid

from trine.host.request import Request
from trine.host.sampling import Sampling
from trine.host.text_stream import TextStream

from .errors import ApiError
from .text import Piece, Text

__all__ = ["Completion"]


class Completion:
    """The texts of one request, told to the event loop that it was made in.

    Parameters
    ----------
    asked : :class:`.completion_request.CompletionRequest`
        What the client asks for.
    tokenizer : :class:`trine.host.tokenizer.Tokenizer`
        The model's.
    name : str
        The model's name.

    Attributes
    ----------
    texts : list of :class:`.text.Text`
        The texts, prompt by prompt.
    """

    def __init__(self, asked, tokenizer, name):
        self._asked = asked
        self._loop, self._events = asyncio.get_running_loop(), asyncio.Queue()
        self._head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion",
                      "created": int(time.time()), "model": name, "seed": asked.seed}
        self.texts = []
        for prompt in asked.prompts:
            for number in range(asked.n):
                index = len(self.texts)
                sampling = Sampling(**asked.sampling, seed=(asked.seed + number) & 0xFFFFFFFF)
                request = Request(prompt.tokens, asked.max_tokens, sampling,
                                  on_board=asked.on_board,
                                  end=None if asked.ignore_eos else tokenizer.end)
                stream = TextStream(tokenizer.stream(), asked.stops)
                self.texts.append(Text(index, request, stream, self._tell))
                if asked.echo:
                    self._events.put_nowait(Piece(index, prompt.text))

    def _tell(self, event):
        # The loop may have ended; then nobody listens any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def _pieces(self):
        """Yield every :class:`.text.Piece`; ApiError where the texts break off."""
        left = len(self.texts)
        while left:
            event = await self._events.get()
            if isinstance(event, ApiError):
                raise event
            left -= event.finish is not None
            yield event

    @property
    def _usage(self):
        prompts = sum(len(prompt.tokens) for prompt in self._asked.prompts)
        generated = sum(text.generated for text in self.texts)
        return {"prompt_tokens": prompts, "completion_tokens": generated,
                "total_tokens": prompts + generated}

    def _body(self, pieces, **more):
        choices = [{"index": piece.index, "text": piece.text, "logprobs": None,
                    "finish_reason": piece.finish} for piece in pieces]
        return self._head | {"choices": choices} | more

    async def whole(self):
        """Wait for the ends of all texts; return the response's body as a dict."""
        texts, ends = [""] * len(self.texts), [None] * len(self.texts)
        async for piece in self._pieces():
            texts[piece.index] += piece.text
            ends[piece.index] = piece.finish
        return self._body(map(Piece, range(len(texts)), texts, ends), usage=self._usage)

    async def chunks(self):
        """Yield the response as server-sent events, each a str."""
        usage = {"usage": None} if self._asked.include_usage else {}
        try:
            async for piece in self._pieces():
                yield _event(self._body([piece], **usage))
        except ApiError as error:
            yield _event(error.as_dict())
            return
        if usage:
            yield _event(self._body([], usage=self._usage))
        yield "data: [DONE]\n\n"


def _event(body):
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
