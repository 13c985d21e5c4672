"""Tokenizers: any text comes back, tokenizers come back from JSON, bad input is refused."""

import pytest

from trine.host.tokenizer import Tokenizer

TEXT = "The fox saw the hen.\n\nThe hen saw the fox, and the fox said \"Good day.\"\n" * 8
FOREIGN = "Ünïcödé: 狐 und 🦊,\ttab, <s> and \x00 zero\r\n\n\n  end "


@pytest.fixture(scope="module")
def bpe():
    return Tokenizer.train([TEXT, "another fox"], 280)


@pytest.fixture(scope="module")
def char():
    return Tokenizer.train([TEXT], kind="char")


@pytest.mark.parametrize("text", ["", "x", TEXT, FOREIGN, " leading", "trailing \n"])
def test_bpe_returns_any_text(bpe, text):
    tokens = bpe.encode(text)

    assert bpe.decode(tokens) == text
    assert bpe.begin not in tokens
    assert all(0 <= token < bpe.vocab_size for token in tokens)


def test_bpe_merges(bpe):
    assert bpe.kind == "bpe"
    assert bpe.vocab_size == 280
    assert bpe.begin == 0
    assert len(bpe.encode(TEXT)) < len(TEXT) * 0.8


def test_char_has_one_token_a_character(char):
    tokens = char.encode(TEXT)

    assert char.kind == "char"
    assert char.vocab_size == len(set(TEXT)) + 1
    assert len(tokens) == len(TEXT)
    assert char.begin not in tokens
    assert char.decode(tokens) == TEXT


def test_char_refuses_unknown_characters(char):
    with pytest.raises(ValueError, match=r"^Character '狐' at position 4 is not in the model's "
                                         r"vocabulary$"):
        char.encode("The 狐")


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_json_round_trip(kind, request):
    tokenizer = request.getfixturevalue(kind)

    again = Tokenizer.from_json(tokenizer.to_json())

    assert (again.kind, again.begin, again.vocab_size) == (kind, 0, tokenizer.vocab_size)
    assert again.encode(TEXT) == tokenizer.encode(TEXT)
    assert again.to_json() == tokenizer.to_json()


def test_training_is_repeatable(bpe):
    assert Tokenizer.train([TEXT, "another fox"], 280).to_json() == bpe.to_json()


def test_begin_token_is_silent(bpe):
    assert bpe.decode([bpe.begin, *bpe.encode("fox"), bpe.begin]) == "fox"
    assert bpe.token_bytes(bpe.begin) == b""


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_stream_yields_whole_characters(kind, request):
    tokenizer = request.getfixturevalue(kind)
    text = FOREIGN if kind == "bpe" else TEXT
    stream = tokenizer.stream()

    parts = [stream.feed(token) for token in tokenizer.encode(text)]

    assert "".join(parts) == text
    assert stream.finish() == ""


def test_stream_holds_back_an_incomplete_character(bpe):
    tokens = bpe.encode("🦊")
    stream = bpe.stream()

    assert len(tokens) == 4
    assert [stream.feed(token) for token in tokens] == ["", "", "", "🦊"]

    stream.feed(tokens[0])
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"
    assert stream.feed(bpe.encode("a")[0]) == "a"


def test_broken_utf8_shows(bpe):
    assert bpe.decode(bpe.encode("🦊")[:2]) == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("token", [-1, 280])
def test_refuses_tokens_out_of_range(bpe, token):
    with pytest.raises(ValueError, match=f"Token must be from 0 to 279, not {token}"):
        bpe.decode([token])


def test_refuses_what_the_text_cannot_give():
    with pytest.raises(ValueError, match=r"The text yields only \d+ tokens, but a vocabulary of "
                                         r"5000 was asked for"):
        Tokenizer.train([TEXT], 5000)
    with pytest.raises(ValueError, match="A byte-level vocabulary holds at least 257 tokens"):
        Tokenizer.train([TEXT], 256)
    with pytest.raises(ValueError, match="different characters, too many for a vocabulary of 5"):
        Tokenizer.train([TEXT], 5, kind="char")
    with pytest.raises(ValueError, match="Tokenizer kind must be one of bpe, char, not 'word'"):
        Tokenizer.train([TEXT], 300, kind="word")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"model": {"type": "BPE"}}'])
def test_refuses_broken_json(text):
    with pytest.raises(ValueError, match="The tokenizer is not readable"):
        Tokenizer.from_json(text)


def test_refuses_a_tokenizer_without_begin_token(bpe):
    with pytest.raises(ValueError, match="The tokenizer has no begin token '<s>'"):
        Tokenizer.from_json(bpe.to_json().replace("<s>", "[s]"))
