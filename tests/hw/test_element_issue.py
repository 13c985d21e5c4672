"""ElementIssue: the order of elements and their addresses."""

from itertools import pairwise

import pytest

from bench import plain, simulate, transfers
from conversion import convert
from trine.firmware.config import preset
from trine.hw.element_issue import ElementIssue
from trine.hw.vector_command import ASource, BSource, Op, Statistic, Target

CONFIG = preset("tiny").replace(slots=3)


def command(**fields):
    return {"op": Op.MULTIPLY, "a_source": ASource.VECTOR, "b_source": BSource.NONE,
            "target": Target.VECTOR, "statistic": Statistic.ABSMAX, "a": 100, "b": 200, "dst": 300,
            "length": 5, **fields}


def issue(fields, inputs, count, *, slots=0b101, stall=0.0, hold=None, config=CONFIG):
    """Issue one command and return [(cycle, element)]."""
    dut = ElementIssue(config=config)

    async def start(ctx):
        ctx.set(dut.command, fields)
        await ctx.tick()
        ctx.set(dut.slots, slots)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        if hold is not None:
            await hold(ctx, dut)

    return transfers(dut, inputs, {"element": count}, pins={"all_loaded": 1}, stall=stall,
                     background=[start])["element"]


def test_vectors_go_slot_by_slot_without_a_gap():
    elements = issue(command(), {}, 10)
    cycles = [cycle for cycle, _ in elements]
    assert cycles == list(range(cycles[0], cycles[0] + 10))
    for n, (_, e) in enumerate(elements):
        slot, index = (0, 2)[n // 5], n % 5
        assert (e["slot"], e["a"], e["b"], e["state"], e["dst"], e["last"]) == (
            slot, 100 + index, 200 + index, 100 + index, 300 + index, n == 9)


def test_the_third_operand_lies_at_dst():
    for _, e in issue(command(op=Op.INTERPOLATE, target=Target.STATE, dst=3), {}, 10):
        assert (e["a"] - 100, e["state"] - 3) == (e["dst"] - 3,) * 2
    sums = [{"slot": n % 3, "row": 2 * n, "sums": [-n], "last": n == 6} for n in range(7)]
    fields = command(op=Op.SCALE, a_source=ASource.SUMS, target=Target.RESIDUAL)
    for (_, e), i in zip(issue(fields, {"sums": sums}, 7, stall=0.4), sums):
        assert (e["slot"], e["a"], e["dst"], e["sums"], e["last"]) == (
            i["slot"], 300 + i["row"], 300 + i["row"], i["sums"], i["last"])


def test_rows_of_logits_count_from_zero():
    sums = [{"slot": 0, "row": row, "sums": [row], "last": row == 9} for row in range(10)]
    fields = command(op=Op.SCALE, a_source=ASource.SUMS, target=Target.LOGITS)
    assert [e["dst"] for _, e in issue(fields, {"sums": sums}, 10)] == list(range(10))


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_loads_and_constants(stall):
    loads = [(-1) ** n << n for n in range(10)]
    elements = issue(command(a_source=ASource.LOADS), {"loads": loads}, 10, stall=stall)
    assert [e["loads"] for _, e in elements] == [[load] for load in loads]
    assert [e["slot"] for _, e in elements] == [0] * 5 + [2] * 5
    elements = issue(command(target=Target.CONSTANT), {"fill": [1, 0xffff, 3, 4, 5]}, 5,
                     stall=stall, slots=1)
    assert [(e["fills"], e["dst"]) for _, e in elements] == [
        ([value], 300 + n) for n, value in enumerate([1, 0xffff, 3, 4, 5])]


def issue_beats(fields, inputs, count, lanes=4, **options):
    """Issue one command with four lanes, vectors of five elements, and return its beats."""
    elements = issue(command(**fields), inputs, count, config=CONFIG.replace(
        lanes=5 * lanes, vector_lanes=lanes), **options)
    return [cycle for cycle, _ in elements], [e for _, e in elements]


@pytest.mark.parametrize("target, gap", [(Target.VECTOR, 1), (Target.STORES, 4)])
def test_beats(target, gap):
    cycles, beats = issue_beats({"target": target, "length": 9}, {}, 6)
    assert cycles == list(range(cycles[0], cycles[0] + 6 * gap, gap))
    for n, e in enumerate(beats):
        slot, row = (0, 2)[n // 3], n % 3
        assert (e["slot"], e["a"], e["b"], e["state"], e["dst"], e["more"], e["last"]) == (
            slot, 25 + row, 50 + row, 25 + row, 75 + row, 0 if row == 2 else 0b111, n == 5)


@pytest.mark.parametrize("length", range(1, 10))
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_single_elements_are_put_together(length, stall):
    loads = [(-1) ** n << n for n in range(2 * length)]
    rows = -(-length // 4)
    _, beats = issue_beats({"a_source": ASource.LOADS, "length": length}, {"loads": loads},
                           2 * rows, stall=stall)
    found = [value for e in beats for value in e["loads"][:1 + e["more"].bit_count()]]
    assert found == loads
    assert [(e["slot"], e["dst"]) for e in beats] == [
        (slot, 75 + row) for slot in (0, 2) for row in range(rows)]
    _, beats = issue_beats({"target": Target.CONSTANT, "length": length},
                           {"fill": range(length)}, rows, stall=stall, slots=1)
    found = [value for e in beats for value in e["fills"][:1 + e["more"].bit_count()]]
    assert found == list(range(length))


def test_beats_of_sums():
    sums = [{"slot": 0, "row": 4 * n, "sums": [n, -n, 7, 8], "more": n % 2, "last": n == 6}
            for n in range(7)]
    _, beats = issue_beats({"op": Op.SCALE, "a_source": ASource.SUMS, "target": Target.RESIDUAL},
                           {"sums": sums}, 7, stall=0.4)
    for e, i in zip(beats, sums):
        assert (e["a"], e["dst"], e["sums"], e["more"], e["last"]) == (
            75 + i["row"] // 4, 75 + i["row"] // 4, i["sums"], i["more"], i["last"])


def test_nothing_is_taken_beyond_the_command():
    dut = ElementIssue(config=CONFIG)

    async def testbench(ctx):
        ctx.set(dut.loads.valid, 1)
        ctx.set(dut.sums.valid, 1)
        ctx.set(dut.fill.valid, 1)
        for _ in range(20):
            _, _, *ready = await ctx.tick().sample(dut.loads.ready, dut.sums.ready, dut.fill.ready)
            assert not any(ready)

    simulate(dut, testbench)


def test_waits_for_the_scalar_of_its_slot():
    dut = ElementIssue(config=CONFIG)
    elements = []

    async def testbench(ctx):
        ctx.set(dut.command, command(op=Op.SCALE, length=2))
        await ctx.tick()
        ctx.set(dut.slots, 0b110)
        ctx.set(dut.scaled, 1)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for cycle in range(20):
            ctx.set(dut.loaded, cycle in (3, 9))
            _, _, valid, e = await ctx.tick().sample(dut.element.valid, dut.element.payload)
            if valid:
                elements.append((cycle, plain(e)["slot"]))
        assert elements == [(6, 1), (7, 1), (12, 2), (13, 2)]

    simulate(dut, testbench)


def test_hold():
    async def hold(ctx, dut):
        await ctx.tick().repeat(3)
        ctx.set(dut.hold, 1)
        await ctx.tick().repeat(7)
        ctx.set(dut.hold, 0)

    cycles = [cycle for cycle, _ in issue(command(), {}, 10, hold=hold)]
    steps = [after - before for before, after in pairwise(cycles)]
    assert steps == [1, 1, 8, 1, 1, 1, 1, 1, 1]


def test_converts():
    convert(ElementIssue(config=preset("ulx3s")))
    convert(ElementIssue(config=preset("ulx3s").replace(slots=16, vector_lanes=4)))
