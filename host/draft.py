"""Drafts by prompt lookup: what followed the last time the text went like this.

Ref: Saxena, Prompt Lookup Decoding, 2023; no second model is asked.
"""

__all__ = ["LONGEST", "SHORTEST", "PromptLookup"]

#: Tokens at the end of the text that are looked for, at most and at least.
LONGEST, SHORTEST = 4, 1


class PromptLookup:
    """A text that proposes how it may go on.

    The latest earlier occurrence of the text's last n tokens counts, for the largest n that has
    one. A copy that reaches the text's end goes on with what it has copied, so a repeated phrase
    of any length fills the draft.

    Parameters
    ----------
    tokens : iterable of int
        The text so far.
    longest, shortest : int
        Range of n.
    """

    def __init__(self, tokens=(), *, longest=LONGEST, shortest=SHORTEST):
        if not 1 <= shortest <= longest:
            raise ValueError(f"A draft must look for 1 token or more and at most for as many as "
                             f"its longest, not for {shortest} to {longest}")
        self.tokens = []
        self._lengths = range(longest, shortest - 1, -1)
        #: By the last tokens of a place in the text: where what followed there stands.
        self._following = {}
        for token in tokens:
            self.append(token)

    def append(self, token):
        """Take the text's next token."""
        end = len(self.tokens)
        for n in self._lengths:
            if n <= end:
                self._following[tuple(self.tokens[end - n:])] = end
        self.tokens.append(token)

    def propose(self, count):
        """Return ``count`` tokens that may follow, or none."""
        for n in self._lengths:
            at = self._following.get(tuple(self.tokens[-n:]))
            if at is not None:
                break
        else:
            return []
        period = len(self.tokens) - at
        return [self.tokens[at + k % period] for k in range(count)]
