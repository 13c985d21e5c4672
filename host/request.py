"""Requests for texts, and the slots that carry them out."""

from dataclasses import dataclass, field

from .board import BoardError

__all__ = ["Request", "Seat"]

#: Tokens that the ring may lack when it is read: the board goes on meanwhile.
_MARGIN = 64


@dataclass(eq=False)
class Request:
    """One text to be generated.

    prompt : list of int, never empty (the begin token stands first)
    count : tokens to generate at most; None until the end token or until it is cancelled
    sampling : :class:`trine.host.sampling.Sampling`, of this request alone
    on_board : let the board sample; end : token that ends the text and is not returned, or None

    ``tokens`` is what was generated so far, ``done`` whether the text has ended.
    """

    prompt: list
    count: int | None
    sampling: object
    on_board: bool = False
    end: int | None = None
    tokens: list = field(default_factory=list, init=False)
    done: bool = field(default=False, init=False)


class Seat:
    """A request in a slot that takes no part yet: its sampling is set, its first tokens queued.

    Parameters
    ----------
    board : :class:`trine.host.board.Board`
        The board.
    slot : int
        The slot.
    request : :class:`Request`
        The request.
    rest : list of int
        What of its prompt the slot has not seen.
    vocab_size : int
        Tokens of the model.
    """

    def __init__(self, board, slot, request, rest, vocab_size):
        self.request = request
        self._board, self._slot, self._vocab_size = board, slot, vocab_size
        request.sampling.settle(board, slot, request.on_board)
        self._rest = list(rest)
        #: Number of the ring's entry that is the text's next token.
        self._next = (board.read("TOKEN_COUNT", slot) + len(rest) - 1) % (1 << 32)
        self.queue()

    @property
    def feeds_itself(self):
        """Whether the slot may go on by itself: all it needs is queued."""
        return self.request.on_board and not self._rest

    def queue(self):
        """Queue what there is room for."""
        if self._rest:
            del self._rest[:self._board.queue(self._rest, self._slot)]

    def take(self, token_count):
        """Return the new tokens of the text, None behind its last one.

        token_count : the slot's TOKEN_COUNT
        """
        request = self.request
        ready = (token_count - self._next) % (1 << 32)
        if not 0 < ready < 1 << 31:
            return []
        kept = self._board.config.ring_entries
        if ready > kept - _MARGIN:
            raise BoardError(f"The board has sampled {ready} tokens that nobody took, and it keeps "
                             f"{kept}; call the scheduler more often")
        if request.count is not None:
            ready = min(ready, request.count - len(request.tokens))
        new = self._read(ready)
        if request.end in new:
            new = [*new[:new.index(request.end)], None]
        request.tokens += [token for token in new if token is not None]
        if len(request.tokens) == request.count and new[-1] is not None:
            new.append(None)
        if not request.on_board and new[-1] is not None:
            self._rest = list(new)
        return new

    def _read(self, ready):
        request = self.request
        self._next = (self._next + ready) % (1 << 32)
        if request.on_board:
            first = (self._next - ready) % (1 << 32)
            return [token for token, _ in self._board.sampled(first, ready, self._slot)]
        return [request.sampling.choose_of(self._board, self._slot, self._vocab_size,
                                           request.prompt + request.tokens)]
