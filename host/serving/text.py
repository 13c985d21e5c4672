"""One text of a completion, from its request to its last piece."""

from dataclasses import dataclass

__all__ = ["Piece", "Text"]


@dataclass(frozen=True)
class Piece:
    """What has become certain of a text.

    index : which text of the completion; text : str; finish : "stop" or "length" with the last
    piece, else None
    """

    index: int
    text: str
    finish: str | None = None


class Text:
    """One text: what the board is to do for it, and where its pieces go.

    Parameters
    ----------
    index : int
        Which text of its completion it is.
    request : :class:`trine.host.request.Request`
        What the scheduler is to do.
    stream : :class:`trine.host.text_stream.TextStream`
        Makes text of tokens.
    tell : callable
        ``tell(piece)`` takes every :class:`Piece`, or an :class:`.errors.ApiError` where the text
        breaks off. Any thread calls it.

    Attributes
    ----------
    generated : int
        Tokens of the text so far.
    """

    def __init__(self, index, request, stream, tell):
        self.index, self.request, self.tell = index, request, tell
        self.generated = 0
        self._stream = stream

    def feed(self, token):
        """Take a token, None behind the last; return whether the text has ended."""
        if token is None:
            rest = self._stream.finish()
            full = len(self.request.tokens) == self.request.count and not self._stream.stopped
            self.tell(Piece(self.index, rest, "length" if full else "stop"))
            return True
        self.generated += 1
        piece, stopped = self._stream.feed(token), self._stream.stopped
        if piece or stopped:
            self.tell(Piece(self.index, piece, "stop" if stopped else None))
        return stopped
