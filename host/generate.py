"""Generation: prompt tokens in, tokens out one by one, on any board."""

from dataclasses import dataclass, field

from trine.firmware.registers import RunFlags, State

from .board import Counters
from .prefill import prefill_pays

__all__ = ["Generation"]


@dataclass
class Generation:
    """One text being generated; iterate over it for the tokens.

    board : :class:`trine.host.board.Board` that holds the model; model : the :class:`Model`
    prompt : list of int, never empty (the begin token stands first)
    count : tokens to generate at most; None until the end token or until iteration is left
    sampling : :class:`trine.host.sampling.Sampling`; on_board : let the board sample
    end : token that ends the text and is not returned, or None
    progress(count) : called with the number of tokens of the prompt that prefill has newly played
    fresh : whether a new text begins; else that of ``slot`` goes on (:mod:`.stream_state`), and the
    prompt holds what it has not taken yet

    On a board of several slots a long prompt goes through all of them at once; the text itself
    takes one. Leaving the iteration, also by an exception, leaves the board idle. Afterwards
    ``counters`` holds what the board counted, ``prompt_counters`` what it counted for prefill
    before, ``tokens`` what was generated, and ``slot`` tells which slot holds the text's state.
    """

    board: object
    model: object
    prompt: list
    count: int | None
    sampling: object
    on_board: bool = False
    end: int | None = None
    progress: object = None
    slot: int = 0
    fresh: bool = True
    counters: Counters | None = None
    prompt_counters: Counters | None = None
    tokens: list = field(default_factory=list)

    def __iter__(self):
        before = begin = self.board.counters()
        try:
            if self._wanted():
                rest = self._prefill()
                begin = self.board.counters()
                yield from self._text(rest)
        finally:
            self.board.stop()
            self.prompt_counters = begin - before
            self.counters = self.board.counters() - begin

    def _wanted(self):
        return self.count is None or len(self.tokens) < self.count

    def _prefill(self):
        """Play what of the prompt goes through all slots; return the rest."""
        slots = range(self.board.config.slots)
        if not self.fresh or not prefill_pays(self.board, self.prompt, len(slots)):
            return self.prompt
        self.slot = self.board.prefill(self.prompt[:-1], slots, progress=self.progress)
        return self.prompt[-1:]

    def _text(self, rest):
        self.sampling.settle(self.board, self.slot, self.on_board)
        yield from self._on_board(rest) if self.on_board else self._on_host(rest)

    def _start(self, rest, plays):
        """Start the run and feed the rest of the prompt; return the first token's ring number.

        A board that feeds itself does so once the whole prompt is queued.
        """
        board, slot = self.board, 1 << self.slot
        first = board.read("TOKEN_COUNT", self.slot) + len(rest) - 1
        taken = board.queue(rest, self.slot)
        feedback = slot if self.on_board else 0
        begins = self.fresh and rest is self.prompt
        board.start("token", count=plays, active=slot, reset=slot if begins else 0,
                    feedback=feedback if taken == len(rest) else 0, flags=RunFlags.TOKENS)
        if taken < len(rest):
            while taken < len(rest):
                board.status()
                taken += board.queue(rest[taken:], self.slot)
                board.transport.pause(1e-4)
            board.change_slots(active=slot, feedback=feedback)
        return first

    def _sampled(self, first):
        """Return how many tokens behind the ring number ``first`` the board has sampled, from 0."""
        ahead = (self.board.read("TOKEN_COUNT", self.slot) - first) % (1 << 32)
        return ahead if ahead < 1 << 31 else 0

    def _on_host(self, rest):
        board = self.board
        first = self._start(rest, 0)
        while self._wanted():
            # Waiting with every queued token taken: the logits of the newest play stand still.
            board.wait(State.WAITING)
            while self._sampled(first) <= len(self.tokens):
                board.transport.pause(1e-4)
                board.wait(State.WAITING)
            token = self.sampling.choose_of(board, self.slot, self.model.vocab_size,
                                            self.prompt + self.tokens)
            if token == self.end:
                return
            self.tokens.append(token)
            yield token
            if self._wanted():
                board.queue([token], self.slot)

    def _on_board(self, rest):
        board = self.board
        first = self._start(rest, 0 if self.count is None else len(rest) - 1 + self.count)
        while self._wanted():
            state = board.status()
            seen = len(self.tokens)
            ready = self._sampled(first) - seen
            for token, _ in board.sampled((first + seen) % (1 << 32), max(0, ready), self.slot):
                if token == self.end or not self._wanted():
                    return
                self.tokens.append(token)
                yield token
            if ready <= 0:
                if state == State.IDLE:
                    return
                board.transport.pause(1e-4)
