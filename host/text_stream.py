"""A text that arrives token by token, as far as it is certain to belong to the output."""

__all__ = ["TextStream"]


class TextStream:
    """Holds text back while it may be the beginning of a stop text, or half a character.

    Parameters
    ----------
    decoder : :class:`trine.host.tokenizer.StreamDecoder`
        Makes text of tokens.
    stops : iterable of str
        Texts before which the output ends.

    Attributes
    ----------
    text : str
        The output so far.
    stopped : bool
        Whether a stop text has come.
    """

    def __init__(self, decoder, stops=()):
        self.text = ""
        self.stopped = False
        self._decoder = decoder
        self._stops = [stop for stop in stops if stop]
        self._held = ""

    def feed(self, token):
        """Take a token; return the text that has become certain."""
        return self._take(self._decoder.feed(token))

    def finish(self):
        """End the text; return what was held back."""
        if self.stopped:
            return ""
        return self._take(self._decoder.finish()) + self._put(len(self._held))

    def _take(self, text):
        self._held += text
        found = [at for at in (self._held.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.stopped = True
            return self._put(min(found))
        keep = max((n for stop in self._stops for n in range(1, len(stop))
                    if self._held.endswith(stop[:n])), default=0)
        return self._put(len(self._held) - keep)

    def _put(self, length):
        out, self._held = self._held[:length], self._held[length:]
        self.text += out
        return out
