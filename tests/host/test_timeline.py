"""The timeline of a token: what is recorded, and the picture of it."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from command_line import refused
from trine.firmware.config import preset
from trine.firmware.registers import Cause, Counter
from trine.host.bench import run_tokens
from trine.host.board import Board
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import Shape, synthetic_model
from trine.host.timeline import LANES, draw, record


@pytest.fixture(scope="module")
def board():
    with Board(SimulatedTransport(preset("tiny")), "assumed") as board:
        yield board


@pytest.mark.parametrize("layers", [1, 3])
def test_a_layer_and_the_head(board, layers):
    model = synthetic_model(Shape(layers=layers, dim=40, hidden=60, vocab=30))
    image = model.image(board.config)
    board.upload(image)
    window = record(board, model)

    assert [name for name, _, _ in window.spans] == ["f", "i", "g", "o", "gate, up", "down", "head"]
    for (_, first, last), (_, after, _) in zip(window.spans, window.spans[1:]):
        assert 0 <= first < last <= after < len(window.causes)
    # Every column of weights is one step of the array, and falls into its matrix's span.
    array = window.lanes["array"]
    steps = {name: int(array[first:last + 2].sum()) for name, first, last in window.spans}
    assert (steps["f"], steps["down"], steps["head"]) == (4 * 40, 4 * 60, 3 * 40)
    np.testing.assert_array_equal(window.causes[2:] == Cause.ARRAY, array[:-2])
    assert window.lanes["sampler"].any() and set(window.lanes) == {name for name, _, _ in LANES}

    svg = draw(window, zoom=300)
    texts = [each.text for each in ElementTree.fromstring(svg).iter() if each.text]
    assert {"memory", "array", "drain", "vector engine", "scalar unit", "sampler", "cause",
            "cycle of the token"} <= set(texts)
    assert any(text.startswith("array ") for text in texts)


def test_what_is_recorded_is_what_the_counters_count(board):
    model = synthetic_model(Shape(layers=1, dim=20, hidden=20, vocab=15))
    board.upload(model.image(board.config))
    board.transport.record()
    counted = run_tokens(board, [[3]], 2, feedback=True)
    recorded = board.transport.recorded
    board.transport.record(False)

    for bit, counter in enumerate((Counter.MEMORY_BUSY, Counter.ARRAY_BUSY)):
        assert int((recorded >> np.uint64(bit) & np.uint64(1)).sum()) == counted[counter]
    assert not len(board.transport.recorded)


@pytest.mark.parametrize("arguments", [("--timeline", "a.png"),
                                       ("--timeline", "a.svg", "--device", "golden")])
def test_bad_input(capsys, arguments):
    assert "timeline is an SVG" in refused(capsys, "bench", *arguments)
