"""Statistics against Python's integers and the golden scalar."""

from random import Random

import numpy as np
import pytest

from bench import latency, simulate, transfers
from conversion import convert
from trine.hw.statistics import Statistics
from trine.sim.golden import scalar, vector

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def check(slots, squares, elements, *, lanes=1, **options):
    """Feed (slot, value) pairs as one command and compare each slot's statistic."""
    inputs, at, rng = [], 0, Random(lanes)
    while at < len(elements):
        # As many of one slot as there are, or fewer; rubbish in the other lanes.
        most = next((n for n, (slot, _) in enumerate(elements[at:]) if slot != elements[at][0]),
                    len(elements) - at)
        count = rng.randint(1, min(lanes, most))
        values = [value for _, value in elements[at:at + count]]
        inputs.append({"slot": elements[at][0], "more": (1 << count - 1) - 1,
                       "values": values + [INT32_MIN] * (lanes - count),
                       "last": at + count == len(elements)})
        at += count
    used = sorted({slot for slot, _ in elements})
    moved = transfers(Statistics(slots=slots, lanes=lanes), {"i": inputs}, {"o": len(used)},
                      pins={"squares": squares}, **options)
    outputs = [payload for _, payload in moved["o"]]
    assert [output["slot"] for output in outputs] == used
    for output in outputs:
        values = [value for slot, value in elements if slot == output["slot"]]
        assert output["value"] == (sum(v * v for v in values) if squares else max(map(abs, values)))
        assert scalar.from_integer(output["value"]) == vector.statistic(squares, np.array(values))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("slots", [1, 3, 16])
@pytest.mark.parametrize("squares", [0, 1])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_random_elements(slots, squares, stall, lanes):
    rng = np.random.default_rng(slots)
    values = rng.integers(INT32_MIN, INT32_MAX, 300, endpoint=True) >> rng.integers(0, 31, 300)
    chosen = np.repeat(rng.integers(0, slots, 300), lanes)[:300]
    check(slots, squares, list(zip(chosen.tolist(), values.tolist())), lanes=lanes, stall=stall)


@pytest.mark.parametrize("squares", [0, 1])
@pytest.mark.parametrize("value", [INT32_MIN, INT32_MIN + 1, INT32_MAX, -1, 0, 1])
def test_extremes(squares, value):
    check(1, squares, [(0, value)] * 40, stall=0.0)
    check(1, squares, [(0, value)] * 40, lanes=8, stall=0.0)
    check(3, squares, [(n % 3, value) for n in range(40)], stall=0.0)


def test_slots_without_elements_have_no_statistic():
    check(3, 1, [(2, 5), (2, -7), (0, 3)], stall=0.0)
    check(3, 0, [(1, 0)], stall=0.0)


def test_starts_from_zero_after_the_last_element():
    dut = Statistics(slots=2)
    outputs = []

    async def testbench(ctx):
        ctx.set(dut.o.ready, 1)
        for squares in (1, 0, 1, 0):
            ctx.set(dut.squares, squares)
            for slot, value, last in ((0, 3, 0), (1, -6, 0), (1, 5, 1)):
                ctx.set(dut.i.payload, {"slot": slot, "values": [value], "last": last})
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
            ctx.set(dut.i.valid, 0)
            for done in (0, 1):
                value, was_done = await (
                    ctx.tick().sample(dut.o.p.value, dut.done).until(dut.o.valid))
                assert was_done == done
                outputs.append(value)
        assert outputs == 2 * [9, 61, 3, 6]

    simulate(dut, testbench)


@pytest.mark.parametrize("squares", [0, 1])
def test_is_kept_for_the_next_elements(squares):
    dut = Statistics(slots=3)
    commands = [(1, [(0, 3), (2, -6)]), (1, [(0, -5)]), (0, [(0, 4), (2, 1)]), (0, [(1, 7)])]
    outputs = []

    async def testbench(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.squares, squares)
        for keep, elements in commands:
            ctx.set(dut.keep, keep)
            for n, (slot, value) in enumerate(elements):
                ctx.set(dut.i.payload, {"slot": slot, "values": [value],
                                        "last": n == len(elements) - 1})
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
            ctx.set(dut.i.valid, 0)
            done = 0
            while not done:
                *_, valid, slot, value, done = await ctx.tick().sample(
                    dut.o.valid, dut.o.p.slot, dut.o.p.value, dut.done)
                outputs.extend([(slot, value)] * valid)
        assert outputs == ([(0, 50), (2, 37), (1, 49)] if squares else [(0, 5), (2, 6), (1, 7)])

    simulate(dut, testbench)


@pytest.mark.parametrize("lanes, clocks", [(1, 5), (2, 6), (8, 8)])
@pytest.mark.parametrize("squares", [0, 1])
def test_latency(squares, lanes, clocks):
    dut = Statistics(slots=2, lanes=lanes)
    assert latency(dut, {"slot": 1, "values": [3] * lanes, "last": 1},
                   pins={"squares": squares}) == dut.latency == clocks


def test_converts():
    convert(Statistics(slots=1))
    convert(Statistics(slots=16, lanes=4))
