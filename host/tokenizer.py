"""Text to token numbers and back, with a tokenizer that fits into one JSON string."""

import codecs
import json
import re

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

__all__ = ["BEGIN", "END", "KINDS", "SPACE", "Tokenizer"]


#: The begin token stands in front of every text. Vocabularies trained here have no other special
#: token; its number is 0, and it is never predicted inside a text.
BEGIN = "<s>"
#: The end token of vocabularies that have one.
END = "</s>"
#: What SentencePiece writes for a space.
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"

#: The kinds that can be trained; ``sentencepiece`` can be read.
KINDS = ("bpe", "char")

#: A token of SentencePiece that is one byte.
_BYTE = re.compile("<0x[0-9A-F]{2}>")


def _byte_of_symbol():
    """Return the byte that each symbol of the byte-level alphabet stands for, as a dict.

    Printable Latin-1 characters stand for themselves, the other 68 bytes for U+0100 onwards.

    Ref: Radford et al., GPT-2, ``encoder.py``, ``bytes_to_unicode``.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return ({chr(byte): byte for byte in printable}
            | {chr(0x100 + n): byte for n, byte in enumerate(others)})


def _token_bytes(library, kind):
    """Return the bytes of every token; special tokens have none."""
    special = {token for token, added in library.get_added_tokens_decoder().items()
               if added.special}
    symbols = [library.id_to_token(token) for token in range(library.get_vocab_size())]
    if None in symbols:
        raise ValueError(f"Number {symbols.index(None)} of the vocabulary has no token")
    if kind == "bpe":
        byte = _byte_of_symbol()
        # Where a token is no text in the byte-level alphabet, it is text as it stands.
        texts = [bytes(map(byte.get, text)) if set(text) <= byte.keys() else text.encode()
                 for text in symbols]
    elif kind == "sentencepiece":
        texts = [bytes([int(text[3:5], 16)]) if _BYTE.fullmatch(text)
                 else text.replace(SPACE, " ").encode() for text in symbols]
    else:
        texts = [text.encode() for text in symbols]
    return [b"" if token in special else text for token, text in enumerate(texts)]


class Tokenizer:
    """A trained vocabulary.

    Kind ``"bpe"`` is a byte-level byte pair encoding, which can write any text. Kind ``"char"`` has
    one token for each character of its training text and refuses all others. Kind
    ``"sentencepiece"`` is a byte pair encoding over characters that falls back to bytes.

    Parameters
    ----------
    library : :class:`tokenizers.Tokenizer`
        What the `tokenizers` library trained or loaded; use :meth:`train` or :meth:`from_json`.

    Raises
    ------
    ValueError
        If the vocabulary has no begin token.
    """

    def __init__(self, library):
        self._library = library
        # The text "<s>" in a book is three characters, not the begin token.
        library.encode_special_tokens = True

        #: Number of the begin token.
        self.begin = library.token_to_id(BEGIN)
        if self.begin is None:
            raise ValueError(f"The tokenizer has no begin token {BEGIN!r}")
        end = library.token_to_id(END)
        #: Number of the token that ends a text: the begin token where there is no other.
        self.end = self.begin if end is None else end
        #: Number of tokens, the begin token included.
        self.vocab_size = library.get_vocab_size()
        self.kind = "char"
        if isinstance(library.model, models.BPE):
            self.kind = "sentencepiece" if library.model.byte_fallback else "bpe"
        self._bytes = _token_bytes(library, self.kind)
        if self.kind == "char":
            self._alphabet = frozenset(library.get_vocab()) - {BEGIN}

    @classmethod
    def train(cls, texts, vocab_size=None, *, kind="bpe"):
        """Make a tokenizer from ``texts``, a list of strings.

        ``vocab_size`` counts the begin token. A character vocabulary has the size of its alphabet;
        there ``vocab_size`` is only an upper limit and may be left out.
        """
        if kind not in KINDS:
            raise ValueError(f"Tokenizer kind must be one of {', '.join(KINDS)}, not {kind!r}")
        return (cls._train_bpe if kind == "bpe" else cls._train_char)(texts, vocab_size)

    @classmethod
    def _train_bpe(cls, texts, vocab_size):
        if vocab_size is None or vocab_size < 257:
            raise ValueError("A byte-level vocabulary holds at least 257 tokens (256 bytes and the "
                             f"begin token), not {vocab_size!r}")
        library = tokenizers.Tokenizer(models.BPE())
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = decoders.ByteLevel()
        library.train_from_iterator(texts, trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=[BEGIN], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        if library.get_vocab_size() < vocab_size:
            raise ValueError(f"The text yields only {library.get_vocab_size()} tokens, "
                             f"but a vocabulary of {vocab_size} was asked for")
        return cls(library)

    @classmethod
    def _train_char(cls, texts, vocab_size):
        alphabet = sorted(set().union(*texts))
        if vocab_size is not None and len(alphabet) + 1 > vocab_size:
            raise ValueError(f"The text has {len(alphabet)} different characters, too many for a "
                             f"vocabulary of {vocab_size} with the begin token")
        vocab = {symbol: token for token, symbol in enumerate([BEGIN, *alphabet])}
        library = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token=BEGIN))
        library.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
        library.decoder = decoders.Fuse()
        library.add_special_tokens([BEGIN])
        return cls(library)

    @classmethod
    def from_json(cls, text):
        """Load what :meth:`to_json` returned, or the text of a ``tokenizer.json`` file."""
        try:
            model = json.loads(text)["model"]
            library = tokenizers.Tokenizer.from_str(text)
        except Exception as error:
            # The library repeats what it read.
            raise ValueError(f"The tokenizer is not readable: {str(error)[:200]}") from error
        if not isinstance(library.model, (models.BPE, models.WordLevel)):
            raise ValueError(f"Tokenizer kind {model.get('type')!r} is not supported")
        return cls(library)

    def to_json(self):
        """Return the whole tokenizer as one JSON string, in the format of ``tokenizer.json``."""
        return self._library.to_str()

    def encode(self, text):
        """Return the token numbers of ``text``, without the begin token."""
        if self.kind == "char":
            for position, symbol in enumerate(text):
                if symbol not in self._alphabet:
                    raise ValueError(f"Character {symbol!r} at position {position} is not in the "
                                     "model's vocabulary")
        return self._library.encode(text, add_special_tokens=False).ids

    def decode(self, tokens):
        """Return the text of ``tokens``; begin tokens vanish, broken UTF-8 shows as U+FFFD.

        The space that SentencePiece puts in front of a text vanishes behind a begin token.
        """
        tokens = list(tokens)
        text = b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")
        if self.kind == "sentencepiece" and tokens[:1] == [self.begin]:
            return text.removeprefix(" ")
        return text

    def token_bytes(self, token):
        """Return the UTF-8 bytes of one token, possibly only a part of a character."""
        if not 0 <= token < self.vocab_size:
            raise ValueError(f"Token must be from 0 to {self.vocab_size - 1}, not {token!r}")
        return self._bytes[token]

    def stream(self):
        """Return a :class:`StreamDecoder`, for text that arrives token by token."""
        return StreamDecoder(self)


class StreamDecoder:
    """Text token by token: an incomplete character is held back until its last byte arrives."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token):
        """Take one token and return the text that is complete with it, often one word part."""
        return self._decoder.decode(self._tokenizer.token_bytes(token))

    def finish(self):
        """Return what is still held back, as U+FFFD, and start afresh."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
