"""The timing model: equal to the gateware's counters, and to itself however it gets there."""

import numpy as np
import pytest

from checkpoints import random_model, tiny_model
from trine.firmware.compiler import compile_image, outline
from trine.firmware.config import preset
from trine.firmware.isa import Instruction, Opcode
from trine.firmware.registers import Cause
from trine.host.board import Board
from trine.host.model import Model, shipped_model
from trine.host.simulated import SimulatedTransport
from trine.host.timing_check import compare
from trine.sim.timing.causes import CauseTimeline
from trine.sim.timing.memory import SDRAM, BlockRAM, GivenMemory, PacedMemory
from trine.sim.timing.outline import shape_model
from trine.sim.timing.predict import predict, token_code
from trine.sim.timing.scalar import normalizing, operation
from trine.sim.timing.tape import Tape

TINY, ULX3S = preset("tiny"), preset("ulx3s")
#: Memory wider than usual, several slots and vector lanes, a FIFO that is often full or empty.
WIDE = TINY.replace(lanes=20, memory_bytes=4, vector_lanes=4, fifo_bytes=256, slots=3)


def checked(config, model, count):
    with Board(SimulatedTransport(config), "assumed") as board:
        board.upload(compile_image(model, board.config))
        return compare(board, config, count)


@pytest.mark.parametrize(("config", "most"), [(TINY, 0), (WIDE, 1)], ids=["tiny", "wide"])
def test_cycles_equal_the_counters(config, most):
    """To the cycle; where sums of several slots wait for a late scalar to ``most`` a token."""
    result = checked(config, tiny_model(), 10)

    assert abs(result.difference) <= 10 * most
    assert abs(result.usual_error) < 0.005
    for cause, (measured, predicted) in result.causes().items():
        assert abs(measured - predicted) <= 0.005 * result.measured, cause.name


@pytest.mark.parametrize(("load", "count"), [
    (tiny_model, 10), (lambda: Model.load(shipped_model()), 2)], ids=["tiny", "shipped"])
def test_cycles_with_sdram(load, count):
    """Only the phase of the refresh is unknown."""
    result = checked(ULX3S, load(), count)

    assert abs(result.error) < 0.001
    assert abs(result.usual_error) < 0.005
    for cause, (measured, predicted) in result.causes().items():
        assert abs(measured - predicted) <= 0.005 * result.measured, cause.name


@pytest.mark.parametrize("config", [
    ULX3S, ULX3S.replace(slots=8, vector_lanes=4), ULX3S.replace(clock_hz=133_000_000),
    ULX3S.replace(fifo_bytes=512), TINY.replace(memory_size=1 << 20),
    ULX3S.replace(memory_bytes=8, lanes=80)],
    ids=["ulx3s", "slots", "133", "fifo", "on-chip", "paced"])
def test_stretches_take_as_long_as_their_bursts(config, monkeypatch):
    model = shape_model(layers=2, dim=100, hidden=300, vocab=200)
    config = config.replace(vector_words=2048, constant_words=4096, state_words=512,
                            code_words=512, max_cols=512)
    code, _ = outline(model, config)
    fast = predict(config, code, plays=3)
    for memory in (SDRAM, BlockRAM, PacedMemory):
        monkeypatch.setattr(memory, "stretch", lambda self, chosen, addr: np.zeros(0, np.int64))
    slow = predict(config, code, plays=3)

    # Where the reader is held up all the time, a row may be opened a few clocks earlier.
    assert fast.plays == pytest.approx(slow.plays, rel=5e-4)


def test_causes_add_up():
    config = ULX3S.replace(slots=2)
    code, _ = outline(tiny_model(), config)
    prediction = predict(config, code, plays=3)

    assert sum(prediction.causes.values()) == prediction.cycles
    assert prediction.causes[Cause.ARRAY] == 3 * sum(
        i.fields["cols"] * -(-i.fields["rows"] // config.lanes)
        for i in code if i.opcode == Opcode.MATVEC)


def test_first_cause_counts():
    timeline = CauseTimeline(10)
    timeline.add(Cause.DRAIN, 12, 30)
    timeline.add(Cause.VECTOR, 15, 20)
    timeline.add(Cause.ARRAY, 18, 22)
    timeline.add(Cause.ARRAY, 21, 24)
    counts = timeline.count(40)

    assert counts == dict.fromkeys(Cause, 0) | {
        Cause.ARRAY: 6, Cause.VECTOR: 3, Cause.DRAIN: 9, Cause.ISSUE: 12}


def test_outline_has_the_tape_of_the_image():
    model = random_model(24, 52, 2, 29, 3)
    for config in (TINY, ULX3S.replace(slots=4, vector_lanes=4)):
        image = compile_image(model, config)
        code, size = outline(model, config)
        prefill = image.tapes.get("prefill")
        assert size == image.size - (prefill.beats * config.memory_bytes if prefill else 0)
        for mine, real in zip(code, token_code(image, config), strict=True):
            assert mine.opcode == real.opcode
            left_out = {"base"} if mine.opcode == Opcode.LOAD else set()
            assert all(real.fields[name] == value for name, value in mine.fields.items()
                       if name not in left_out)


def test_chained_slots_take_longer():
    config = TINY.replace(slots=3)
    code, _ = outline(tiny_model(), config)
    plain, chained = (predict(config, code, chained=chained).cycles for chained in (False, True))

    assert plain < chained < 1.1 * plain


def test_a_slower_memory_shows():
    config = ULX3S.replace(memory_bytes=8, lanes=80)
    code, _ = outline(shape_model(layers=2, dim=200, hidden=480, vocab=1020), config)
    cycles = [predict(config, code, plays=3, memory=GivenMemory(
        burst_beats=8, efficiency=efficiency)).plays[-1] for efficiency in (1, 0.8, 0.2)]

    assert cycles == sorted(cycles)
    assert cycles[2] == pytest.approx(sum(
        i.fields["rows"] * i.fields["cols"] / 40 for i in code if i.opcode == Opcode.MATVEC) / 0.2,
        rel=0.05)


def test_normalizing_follows_the_leading_one():
    assert [normalizing(1 << 79 - zeros) for zeros in (0, 1, 8, 9, 16, 17)] == [1, 2, 9, 3, 10, 4]
    assert normalizing(0) == 12


def test_operations_without_values_are_usual_ones():
    one, more = (1 << 30, -30), (3 << 29, -30)
    assert operation(Opcode.SCALAR_MULTIPLY) == operation(Opcode.SCALAR_MULTIPLY, one, one)
    assert operation(Opcode.SCALAR_MULTIPLY, more, more) == 10
    assert operation(Opcode.SCALAR_RSQRT) == operation(Opcode.SCALAR_RSQRT, more)


def test_a_tape_without_end_is_refused():
    with pytest.raises(ValueError, match="no END"):
        predict(TINY, [Instruction(Opcode.SCALAR_SET, {"dst": 1})])


def test_room_that_nobody_has_made_is_never_there():
    """A burst waits for bytes that were not taken yet, and is not chosen before."""
    tape = Tape(TINY, BlockRAM(burst_beats=8), base=0, bursts=1000, start=0)
    tape.take(0, 4)
    assert tape._room(900) > 1 << 60
