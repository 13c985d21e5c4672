"""Serializer: beats in, results out one by one."""

import pytest

from bench import plain, simulate
from conversion import convert
from trine.hw.serializer import Serializer
from vector_commands import small_config


def beats_of(count, lanes):
    """Return beats that hold 1 ... lanes results, and the results."""
    beats, results = [], []
    for n in range(count):
        held = 1 + n % lanes
        values = [1000 * n + lane for lane in range(lanes)]
        beats.append({"slot": n % 3, "dst": n, "values": values, "more": (1 << held - 1) - 1,
                      "last": n % 5 == 0})
        results += [{"slot": n % 3, "row": lanes * n + lane, "logit": value,
                     "last": int(n % 5 == 0 and lane == held - 1)}
                    for lane, value in enumerate(values[:held])]
    return beats, results


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_results_follow_each_other_at_once(lanes):
    dut = Serializer(config=small_config(3, lanes))
    beats, expected = beats_of(20, lanes)
    found = []

    async def testbench(ctx):
        for cycle in range(lanes * len(beats) + 8):
            beat = cycle // lanes if cycle % lanes == 0 and cycle < lanes * len(beats) else None
            ctx.set(dut.i.valid, beat is not None)
            if beat is not None:
                ctx.set(dut.i.payload, beats[beat])
            _, _, valid, result = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                found.append(plain(result))
                row = found[-1]["row"]
                assert cycle == row + dut.latency

    simulate(dut, testbench)
    assert found == expected
    assert dut.latency == (lanes > 1)


def test_converts():
    convert(Serializer(config=small_config(1)))
    convert(Serializer(config=small_config(16, 4)))
