"""Speculation: a draft of the next tokens, checked in the slots of the board by one play."""

from dataclasses import dataclass

from .board import BoardError
from .draft import PromptLookup
from .generate import Generation

__all__ = ["Speculation", "check_drafts"]


def check_drafts(drafts, slots):
    """Return how many tokens may be drafted for a play; BoardError where there is no slot for them.

    drafts : as many as are wished; None for one fewer than ``slots``
    """
    if slots == 1:
        raise BoardError("Speculation needs two slots or more, this board has one; go without, or "
                         "take a board with several slots")
    if drafts is not None and drafts >= slots:
        raise BoardError(f"A draft of {drafts} tokens needs {drafts + 1} slots, this board has "
                         f"{slots}; draft {slots - 1} at most")
    return slots - 1 if drafts is None else drafts


@dataclass
class Speculation(Generation):
    """A :class:`.generate.Generation` that takes several tokens a play, the same ones.

    The slots take the text's newest token and the draft behind it as consecutive positions. Each
    samples what follows its own token. As long as that is what the draft says, the next slot's
    sample counts too; the text goes on from the slot of the last token that was right. A slot more
    takes hardly longer, so every play takes as long a draft as there is.

    drafts : tokens drafted for a play at most; None for one fewer than the board has slots
    lookup : makes the drafts, see :class:`.draft.PromptLookup`

    Afterwards ``plays``, ``drafted`` and ``accepted`` tell how many plays it took, and how many of
    the drafted tokens were right.
    """

    drafts: int | None = None
    lookup: type = PromptLookup
    plays: int = 0
    drafted: int = 0
    accepted: int = 0

    def __post_init__(self):
        self.drafts = check_drafts(self.drafts, self.board.config.slots)

    def _prefill(self):
        """Play the prompt but for its last token; ``slot`` holds its state then, or is None."""
        slots = range(self.board.config.slots)
        prompt, self.slot = self.prompt[:-1], None
        if "prefill" in self.board.image.tapes and prompt:
            self.slot = self.board.prefill(prompt, slots, progress=self.progress)
        else:
            for start in range(0, len(prompt), len(slots)):
                part = prompt[start:start + len(slots)]
                self._check(part)
        return self.prompt[-1:]

    def _check(self, tokens):
        """Play ``tokens`` in the lowest slots; return (slot, what was sampled there) of each.

        The slot that the text goes on from takes part: a streamed state is then there already.
        """
        slots = list(range(len(tokens)))
        if self.slot is not None and self.slot not in slots:
            slots[-1] = self.slot
        sampled = self.board.check(tokens, slots, source=self.slot)
        self.slot = slots[-1]
        return [(slot, token) for slot, (token, _) in zip(slots, sampled)]

    def _text(self, rest):
        board, text = self.board, self.lookup(self.prompt)
        for slot in range(board.config.slots):
            self.sampling.settle(board, slot, self.on_board)
        newest, = rest
        while self._wanted():
            room = self.drafts if self.count is None else self.count - len(self.tokens) - 1
            draft = text.propose(min(self.drafts, room))
            sampled = self._check([newest, *draft])
            self.plays += 1
            self.drafted += len(draft)
            for place, (slot, token) in enumerate(sampled):
                if not self.on_board:
                    token = self.sampling.choose_of(board, slot, self.model.vocab_size,
                                                    self.prompt + self.tokens)
                if token == self.end:
                    return
                right = draft[place:place + 1] == [token]
                self.accepted += right
                self.slot, newest = slot, token
                self.tokens.append(token)
                text.append(token)
                yield token
                if not right:
                    break
