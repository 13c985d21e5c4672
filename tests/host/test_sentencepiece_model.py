"""SentencePiece models as Llama and Mistral have them, against the library that made one.

tests/data/sentencepiece.model: trained by sentencepiece 0.2 on emerald_city.txt, 420 pieces, byte
pairs with byte fallback; sentencepiece.json: what that library encodes with it.
"""

import json
from pathlib import Path

import pytest

from trine.host.sentencepiece_model import read_sentencepiece
from trine.host.tokenizer import Tokenizer
from trine.host.vocabulary import reduce_vocabulary

DATA = Path(__file__).parents[1] / "data"
TEXTS = json.loads((DATA / "sentencepiece.json").read_text())


@pytest.fixture(scope="module")
def tokenizer():
    return read_sentencepiece(DATA / "sentencepiece.model")


@pytest.mark.parametrize(("text", "tokens"), TEXTS)
def test_tokens_are_the_library_s(tokenizer, text, tokens):
    again = Tokenizer.from_json(tokenizer.to_json())

    for reader in (tokenizer, again):
        assert reader.encode(text) == tokens
        assert reader.decode([reader.begin, *tokens]) == text
        stream = reader.stream()
        assert "".join(map(stream.feed, tokens)) == (f" {text}" if text else "")
    assert (again.kind, again.vocab_size, again.begin, again.end) == ("sentencepiece", 420, 1, 2)


def test_special_tokens_have_no_text(tokenizer):
    assert [tokenizer.token_bytes(token) for token in (0, 1, 2, 3)] == [b"", b"", b"", b"\0"]


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\xff" * 40, b"\x0a\x05ab"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "tokenizer.model").write_bytes(content)

    with pytest.raises(ValueError, match="it is no SentencePiece model"):
        read_sentencepiece(tmp_path / "tokenizer.model")


def test_truncated_file_is_refused(tmp_path):
    (tmp_path / "t.model").write_bytes((DATA / "sentencepiece.model").read_bytes()[:4000])

    with pytest.raises(ValueError, match="it is no"):
        read_sentencepiece(tmp_path / "t.model")


def test_reduced_vocabulary_writes_every_text(tokenizer):
    text = TEXTS[0][0] * 20
    rows, reduced = reduce_vocabulary(tokenizer, 300, text)

    assert reduced.vocab_size == len(rows) == 300
    for sample, _ in TEXTS:
        tokens = reduced.encode(sample)
        assert reduced.decode([reduced.begin, *tokens]) == sample
        assert all(reduced.token_bytes(token) == tokenizer.token_bytes(int(rows[token]))
                   for token in tokens)
    # What the text needs stays, so it takes no more tokens than before.
    assert len(reduced.encode(text)) == len(tokenizer.encode(text))


def test_too_small_a_vocabulary_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"must be from 259 .* to 420, not 200"):
        reduce_vocabulary(tokenizer, 200, "text")
