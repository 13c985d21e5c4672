"""Drafts against a plain search of the text."""

import numpy as np
import pytest

from trine.host.draft import PromptLookup


def search(tokens, count, longest, shortest):
    """Return the draft, found by looking at every place of the text."""
    for n in range(longest, shortest - 1, -1):
        for at in range(len(tokens) - 1, n - 1, -1):
            if tokens[at - n:at] == tokens[len(tokens) - n:]:
                text = list(tokens)
                while len(text) < len(tokens) + count:
                    text.append(text[at])
                    at += 1
                return text[len(tokens):]
    return []


@pytest.mark.parametrize("seed", range(20))
def test_equals_a_search_of_the_whole_text(seed):
    rng = np.random.default_rng(seed)
    longest = int(rng.integers(1, 6))
    shortest = int(rng.integers(1, longest + 1))
    tokens = rng.integers(0, rng.integers(2, 12), 60).tolist()
    start = int(rng.integers(0, 10))
    lookup = PromptLookup(tokens[:start], longest=longest, shortest=shortest)
    for end in range(start, len(tokens)):
        count = int(rng.integers(0, 9))
        assert lookup.propose(count) == search(tokens[:end], count, longest, shortest)
        lookup.append(tokens[end])


def test_the_longest_match_counts_and_of_those_the_latest():
    #                       1 2 -> 9       2 -> 8   1 2 -> 7
    assert PromptLookup([1, 2, 9, 2, 8, 1, 2, 7, 3, 2, 5, 1, 2]).propose(3) == [7, 3, 2]


def test_a_repeated_phrase_fills_the_draft():
    assert PromptLookup([5, 6, 7, 6, 7]).propose(5) == [6, 7, 6, 7, 6]
    assert PromptLookup([4, 4, 4]).propose(3) == [4, 4, 4]


def test_nothing_earlier_gives_no_draft():
    assert PromptLookup([]).propose(4) == PromptLookup([1, 2, 3]).propose(4) == []
    assert PromptLookup([1, 2, 1], shortest=2).propose(4) == []
    assert PromptLookup([1, 2, 1]).propose(4) == [2, 1, 2, 1]


def test_a_range_that_is_none():
    with pytest.raises(ValueError, match="not for 3 to 2"):
        PromptLookup(longest=2, shortest=3)
