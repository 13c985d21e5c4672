"""Evaluation against plain arithmetic, and the tiny model against its reference."""

from functools import partial
from math import exp, log

from checkpoints import random_checkpoint, tiny_model
from trine.host.evaluate import (
    compare,
    golden_logits,
    reference_bits_per_char,
    reference_logits,
)
from trine.sim.reference import Reference


def test_bits_per_char_is_what_it_says():
    reference, tokenizer = Reference(*random_checkpoint(24, 52, 2, 29, 7)), tiny_model().tokenizer
    text = "once upon a time. "
    ids = tokenizer.encode(text)
    logits, _ = reference.forward([tokenizer.begin, *ids[:-1]], reference.zero_state())
    nats = sum(log(sum(exp(v) for v in row)) - row[i] for row, i in zip(logits.tolist(), ids))

    bits = reference_bits_per_char(reference, tokenizer, text)
    assert abs(bits - nats / log(2) / len(text)) < 1e-9


def test_compare_sees_no_distance_to_itself():
    model = tiny_model()
    distance = compare(partial(golden_logits, model), partial(golden_logits, model),
                       model.tokenizer, "hello there")

    assert distance.tokens == 11 and distance.kl == 0 and distance.argmax_agreement == 1


def test_tiny_model_is_near_its_reference():
    model, reference = tiny_model(), Reference(*random_checkpoint(24, 52, 2, 29, 7))
    distance = compare(partial(reference_logits, reference), partial(golden_logits, model),
                       model.tokenizer, "the quick brown fox jumps over the lazy dog. " * 4)

    assert abs(distance.first_bits_per_char - distance.second_bits_per_char) < 0.02
    assert distance.argmax_agreement > 0.9
