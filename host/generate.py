"""Generation: prompt tokens in, tokens out one by one, on any board."""

from dataclasses import dataclass, field

import numpy as np

from trine.firmware.registers import CANDIDATES, RunFlags, State

from .board import Counters

__all__ = ["Generation"]


@dataclass
class Generation:
    """One text being generated; iterate over it for the tokens.

    board : :class:`trine.host.board.Board` that holds the model; model : the :class:`Model`
    prompt : list of int, never empty (the begin token stands first)
    count : tokens to generate at most; None until the end token or until iteration is left
    sampling : :class:`trine.host.sampling.Sampling`; on_board : let the board sample
    end : token that ends the text and is not returned, or None

    Leaving the iteration, also by an exception, leaves the board idle. Afterwards ``counters``
    holds what the board counted and ``tokens`` what was generated.
    """

    board: object
    model: object
    prompt: list
    count: int | None
    sampling: object
    on_board: bool = False
    end: int | None = None
    slot: int = 0
    counters: Counters | None = None
    tokens: list = field(default_factory=list)

    def __iter__(self):
        before = self.board.counters()
        try:
            yield from self._on_board() if self.on_board else self._on_host()
        finally:
            self.board.stop()
            self.counters = self.board.counters() - before

    def _start(self, count, feedback):
        """Queue the prompt, start the run and feed the rest of the prompt as room appears."""
        board, slot = self.board, self.slot
        first = board.read("TOKEN_COUNT", slot)
        taken = board.queue(self.prompt, slot)
        board.start("token", count=count, active=1 << slot, reset=1 << slot,
                    feedback=feedback << slot, flags=RunFlags.TOKENS)
        while taken < len(self.prompt):
            board.status()
            taken += board.queue(self.prompt[taken:], slot)
            board.transport.pause(1e-4)
        return first

    def _wanted(self):
        return self.count is None or len(self.tokens) < self.count

    def _on_host(self):
        board, slot = self.board, self.slot
        if not self._wanted():
            return
        all_logits = self.sampling.top_k == 0 or self.sampling.top_k > CANDIDATES
        board.sample_on_board(0, 0, slot, keep=not all_logits)
        first = self._start(0, feedback=0)
        plays = len(self.prompt)
        while self._wanted():
            # Waiting with every queued token taken: the logits of the newest play stand still.
            board.wait(State.WAITING)
            while (board.read("TOKEN_COUNT", slot) - first) % (1 << 32) < plays:
                board.transport.pause(1e-4)
                board.wait(State.WAITING)
            if all_logits:
                logits = board.logits(self.model.vocab_size, slot)
                rows = np.argsort(-logits, kind="stable")
                logits = logits[rows]
            else:
                rows, logits = board.candidates(slot)
            token = self.sampling.choose(rows, logits, self.prompt + self.tokens)
            if token == self.end:
                return
            self.tokens.append(token)
            yield token
            if self._wanted():
                board.queue([token], slot)
                plays += 1

    def _on_board(self):
        board, slot = self.board, self.slot
        if not self._wanted():
            return
        board.sample_on_board(self.sampling.temperature, self.sampling.seed, slot)
        plays = 0 if self.count is None else len(self.prompt) + self.count - 1
        # While the prompt is fed in pieces the board must wait for the host, not go on by itself.
        fits = len(self.prompt) <= board.config.token_queue
        if not fits:
            yield from self._feedback_by_host()
            return
        first = self._start(plays, feedback=1)
        seen = len(self.prompt) - 1
        while self._wanted():
            state = board.status()
            ready = (board.read("TOKEN_COUNT", slot) - first) % (1 << 32) - seen
            for token, _ in board.sampled(first + seen, max(0, ready), slot):
                if token == self.end or not self._wanted():
                    return
                seen += 1
                self.tokens.append(token)
                yield token
            if ready <= 0:
                if state == State.IDLE:
                    return
                board.transport.pause(1e-4)

    def _feedback_by_host(self):
        """Sample on the board, but hand each token back: for prompts longer than the queue."""
        board, slot = self.board, self.slot
        first = self._start(0, feedback=0)
        plays = len(self.prompt)
        while self._wanted():
            while (board.read("TOKEN_COUNT", slot) - first) % (1 << 32) < plays:
                board.status()
                board.transport.pause(1e-4)
            (token, _), = board.sampled(first + plays - 1, 1, slot)
            if token == self.end:
                return
            self.tokens.append(token)
            yield token
            board.queue([token], slot)
            plays += 1
