"""SentencePiece models (``tokenizer.model``) of the kind that Llama and Mistral use.

Ref: github.com/google/sentencepiece, src/sentencepiece_model.proto.
"""

import struct

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers

from .tokenizer import SPACE, Tokenizer

__all__ = ["read_sentencepiece"]

#: Fields of the message ModelProto, and of those within it.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_TEXT, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _BYTE_FALLBACK = 3, 35
_CHARACTER_MAP, _DUMMY_PREFIX, _EXTRA_SPACES = 2, 3, 4
#: Kinds of pieces, and the kind of model that is read.
_UNKNOWN, _CONTROL, _USER, _UNUSED = 2, 3, 4, 5
_BPE = 2
#: Bits of a number at most, and characters of a piece: each is cut in two in every way.
_LONGEST_NUMBER, _LONGEST_PIECE = 63, 256


class _Foreign(Exception):
    """The bytes are no message of the kind."""


def _number(data, at):
    """Return the variable-length number at ``at``, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > _LONGEST_NUMBER:
            raise _Foreign


def _fields(data):
    """Yield (number, value) of a protobuf message: int, or bytes where it has a length."""
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _number(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        elif kind == 2:
            size, at = _number(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise _Foreign
        if at > len(data):
            raise _Foreign
        yield key >> 3, value


def _piece(data):
    piece = dict(_fields(data))
    return (piece[_TEXT].decode(), struct.unpack("<f", piece.get(_SCORE, bytes(4)))[0],
            piece.get(_KIND, 1))


def _merges(scores, number):
    """Return the merges, best first: each way to make a piece of two others."""
    found = []
    for text, score in scores.items():
        halves = [(text[:n], text[n:]) for n in range(1, len(text))]
        pairs = [pair for pair in halves if pair[0] in scores and pair[1] in scores]
        pairs.sort(key=lambda pair: (number[pair[0]], number[pair[1]]))
        found += [(-score, pair) for pair in pairs]
    return [pair for _, pair in sorted(found, key=lambda entry: entry[0])]


def read_sentencepiece(path):
    """Return the :class:`Tokenizer` of a SentencePiece file; ValueError says what it lacks."""
    try:
        parts = list(_fields(path.read_bytes()))
        pieces = [_piece(value) for field, value in parts if field == _PIECES]
        trainer, normalizer = (
            dict(pair for field, value in parts if field == wanted for pair in _fields(value))
            for wanted in (_TRAINER, _NORMALIZER))
    except (_Foreign, IndexError, KeyError, TypeError, AttributeError, struct.error,
            UnicodeDecodeError) as error:
        raise ValueError("it is no SentencePiece model") from error
    if not pieces or max(len(text) for text, _, _ in pieces) > _LONGEST_PIECE:
        raise ValueError("it is no SentencePiece model")
    if trainer.get(_MODEL_TYPE) != _BPE or not trainer.get(_BYTE_FALLBACK):
        raise ValueError("it is no byte pair encoding with byte fallback; give tokenizer.json")
    if normalizer.get(_CHARACTER_MAP) or normalizer.get(_EXTRA_SPACES, 1):
        raise ValueError("it rewrites characters or spaces; give tokenizer.json")
    number = {text: n for n, (text, _, _) in enumerate(pieces)}
    special = [text for text, _, kind in pieces if kind in (_UNKNOWN, _CONTROL)]
    scores = {text: score for text, score, kind in pieces
              if kind not in (_UNKNOWN, _CONTROL, _USER, _UNUSED)}
    library = tokenizers.Tokenizer(models.BPE(
        number, _merges(scores, number), fuse_unk=True, byte_fallback=True,
        unk_token=next((text for text, _, kind in pieces if kind == _UNKNOWN), None)))
    steps = [normalizers.Prepend(SPACE)] if normalizer.get(_DUMMY_PREFIX, 1) else []
    library.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])
    library.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(),
                                         decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    library.add_special_tokens([AddedToken(text, normalized=False) for text in special])
    library.add_tokens([AddedToken(text, normalized=False)
                        for text, _, kind in pieces if kind == _USER])
    return Tokenizer(library)
