"""A smaller vocabulary for small memories: the tokens that a text uses least are dropped."""

import json
from collections import Counter

import numpy as np

from .tokenizer import Tokenizer

__all__ = ["reduce_vocabulary"]


def _pairs(merges):
    """Return merges as pairs; older files write them as one string."""
    return [tuple(merge.split(" ", 1)) if isinstance(merge, str) else tuple(merge)
            for merge in merges]


def reduce_vocabulary(tokenizer, size, text):
    """Return (rows, tokenizer): the tokens kept, and the tokenizer that numbers them anew.

    Special tokens and all bytes stay, so that any text can be written. Of the others those stay
    that ``text`` needs most often, be it as parts of longer ones; a token stays only with those it
    is merged of.

    tokenizer : :class:`.tokenizer.Tokenizer`; size : int, tokens to keep; text : str
    returns : int array (size,), rising numbers of the old tokens; :class:`Tokenizer`

    Raises
    ------
    ValueError
        Where the vocabulary cannot be reduced to ``size``.
    """
    if tokenizer.kind == "char":
        raise ValueError("A vocabulary of characters cannot be reduced; only one of byte pairs can "
                         "still write every text")
    content = json.loads(tokenizer.to_json())
    number = content["model"]["vocab"]
    merges = _pairs(content["model"]["merges"])
    special = {token["content"] for token in content["added_tokens"]}
    base = {symbol for symbol in number if len(tokenizer.token_bytes(number[symbol])) == 1
            and (len(symbol) == 1) == (tokenizer.kind == "bpe")} | special
    if not len(base) <= size <= tokenizer.vocab_size:
        raise ValueError(f"The number of tokens to keep must be from {len(base)} (all bytes and "
                         f"special tokens) to {tokenizer.vocab_size}, not {size}")

    uses = Counter(tokenizer.encode(text))
    need = {symbol: uses[token] for symbol, token in number.items()}
    # The first merge that makes a token counts; parts come before what is made of them.
    rank = {}
    for n, (left, right) in enumerate(merges):
        rank.setdefault(left + right, n)
    for symbol in sorted(rank, key=rank.get, reverse=True):
        for part in merges[rank[symbol]]:
            need[part] += need[symbol]
    others = sorted(number.keys() - base, key=lambda s: (-need[s], rank.get(s, -1), number[s]))
    kept = sorted(base | set(others[:size - len(base)]), key=number.get)
    rows = np.array([number[symbol] for symbol in kept])

    content["model"]["vocab"] = renumbered = {symbol: n for n, symbol in enumerate(kept)}
    content["model"]["merges"] = [list(pair) for pair in merges
                                  if {*pair, "".join(pair)} <= renumbered.keys()]
    for token in content["added_tokens"]:
        token["id"] = renumbered[token["content"]]
    content["post_processor"] = None
    return rows, Tokenizer.from_json(json.dumps(content))
