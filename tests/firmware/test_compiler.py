"""What the tape compiler refuses, and where it puts things."""

import pytest

from checkpoints import random_model, tiny_model
from trine.firmware.assembler import assemble, disassemble
from trine.firmware.compiler import compile_image
from trine.firmware.config import preset
from trine.firmware.isa import Opcode


@pytest.mark.parametrize(("change", "message"), [
    ({"memory_size": 4096}, "bytes of memory, the configuration has 4096: raise memory_size"),
    ({"state_words": 16}, "needs 24 words of state memory, the configuration has 16"),
    ({"code_words": 32}, "needs 52 words of code memory"),
    ({"max_cols": 40}, "needs 52 columns"),
    ({"vector_words": 64}, "words of vector memory"),
    ({"constant_words": 32}, "needs 52 words of constant memory for one vector"),
])
def test_model_that_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        compile_image(tiny_model(), preset("tiny").replace(**change))


def test_tapes_lie_on_bursts_and_apart():
    config = preset("tiny")
    image = compile_image(random_model(20, 40, 2, 33), config)

    end = 0
    for tape in image.tapes.values():
        assert tape.base % config.burst_beats == tape.beats % config.burst_beats == 0
        assert tape.base * config.memory_bytes >= end
        end = (tape.base + tape.beats) * config.memory_bytes
        data = image.data[tape.base * config.memory_bytes:end]
        assert assemble(disassemble(data, config.lanes), config.lanes) == data[:tape.size]
    assert end == len(image.data) == image.state_base * config.memory_bytes


@pytest.mark.parametrize(("words", "stay"), [
    (64, []), (128, [40, 40, 20]), (256, [40, 40, *[20] * 7]), (512, [40, 40, *[20] * 19])])
def test_the_longest_constants_stay(words, stay):
    """Two layers and the head have 19 vectors of 20 constants and two of 40."""
    config = preset("tiny").replace(constant_words=words)
    image = compile_image(random_model(20, 40, 2, 33), config)

    def fills(name):
        tape = image.tapes[name]
        start = tape.base * config.memory_bytes
        code = disassemble(image.data[start:start + tape.size], config.lanes)
        return [i.fields for i in code if i.opcode == Opcode.FILL]

    assert sum(fill["length"] for fill in fills("load")) == sum(stay)
    filled = fills("token")
    assert len(filled) == 21 - len(stay)
    assert all(fill["dst"] == sum(stay) for fill in filled)
    assert all(fill["dst"] + fill["length"] <= words for fill in filled)


def test_wasted_bytes_are_few():
    """The tape of a model whose dimensions fit the lanes is at most 1 % longer than its weights."""
    model = random_model(200, 480, 4, 1020)
    image = compile_image(model, preset("ulx3s"))

    assert image.tapes["token"].size <= 1.01 * model.ternary_weights / 5
