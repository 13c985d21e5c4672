"""Books to token streams."""

from pathlib import Path

import numpy as np

__all__ = ["Streams", "cut_text", "find_books", "read_book", "split_books"]


#: Shortest and longest passage of a book that the streams keep together, in tokens.
PASSAGE = (512, 8192)


def find_books(paths):
    """Return the text files among ``paths``: files as they are, folders by their ``*.txt``."""
    books = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(path.glob("*.txt"))
            if not found:
                raise FileNotFoundError(f"Folder {path} holds no .txt file to train on")
            books += found
        elif path.is_file():
            books.append(path)
        else:
            raise FileNotFoundError(f"Training text {path} does not exist")
    if not books:
        raise ValueError("No training text was given")
    return books


def split_books(books, held_out):
    """Split ``books`` into those to train on and those whose name or stem is in ``held_out``."""
    known = {name for book in books for name in (book.name, book.stem)}
    for name in held_out:
        if name not in known:
            raise ValueError(f"Held-out book {name!r} is not among the training texts")
    held = [book for book in books if {book.name, book.stem} & set(held_out)]
    kept = [book for book in books if book not in held]
    if not kept:
        raise ValueError("Every book is held out, none is left to train on")
    return kept, held


def read_book(path):
    """Return the text of a file, exactly as it is."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"Training text {path} is not UTF-8 (byte {error.start})") from error
    if not text.strip():
        raise ValueError(f"Training text {path} is empty")
    return text


def cut_text(text, share):
    """Cut ``text`` in two: what to train on, and the last ``share`` of its characters."""
    at = int(len(text) * (1 - share))
    return text[:at], text[at:]


class Streams:
    """Endless parallel token streams: windows that continue each other, epoch after epoch.

    Each epoch cuts every book anew into passages of random length, which start at paragraphs,
    shuffles them, puts the begin token in front of each, and deals the result to ``batch`` streams.
    The order depends on ``seed`` and the epoch alone, so ``epoch`` and ``offset`` are the position.

    Parameters
    ----------
    books : list of list of :class:`int`
        Tokens of each book.
    begin, newline : :class:`int`
        Numbers of the begin token and of the line end; two line ends make a paragraph. Without
        line ends (None) every book is one passage.
    batch, window : :class:`int`
        Streams, and tokens of each in one step.
    """

    def __init__(self, books, *, begin, newline, batch, window, seed):
        if batch < 1 or window < 1:
            raise ValueError(f"Batch and window must be positive, not {batch!r} and {window!r}")
        self._books = [np.asarray(book, np.int64) for book in books]
        self.begin, self.batch, self.window, self.seed = begin, batch, window, seed
        self.n_tokens = sum(map(len, self._books))
        if self.n_tokens < batch * (window + 1):
            raise ValueError(f"The training text has {self.n_tokens} tokens, too few for "
                             f"{batch} streams with windows of {window}")
        self._starts = [self._paragraphs(book, newline) for book in self._books]
        self.seek(0, 0)

    @staticmethod
    def _paragraphs(book, newline):
        ends = book == (-1 if newline is None else newline)
        return np.flatnonzero(ends[:-1] & ends[1:]) + 2

    def _passages(self, rng):
        for book, starts in zip(self._books, self._starts):
            here = 0
            while here < len(book):
                later = starts[np.searchsorted(starts, here + rng.integers(*PASSAGE)):]
                end = later[0] if len(later) else len(book)
                yield book[here:end]
                here = end

    def seek(self, epoch, offset):
        """Go to the window that starts ``offset`` tokens into the streams of ``epoch``."""
        rng = np.random.default_rng([self.seed, epoch])
        passages = list(self._passages(rng))
        order = rng.permutation(len(passages))
        tokens = np.concatenate([part for n in order for part in ([self.begin], passages[n])])
        length = len(tokens) // self.batch
        self._tokens = tokens[:length * self.batch].reshape(self.batch, length).T.copy()
        self._tokens[0] = self.begin
        self.epoch, self.offset = epoch, offset

    def next(self):
        """Return the next inputs and targets, each int64 (window, batch)."""
        if self.offset + self.window + 1 > len(self._tokens):
            self.seek(self.epoch + 1, 0)
        here = self._tokens[self.offset:self.offset + self.window + 1]
        self.offset += self.window
        return here[:-1], here[1:]
