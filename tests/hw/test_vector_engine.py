"""VectorEngine against its golden model."""

from itertools import pairwise, product
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bench import simulate, transfers
from cocotb_support import run_bench
from conversion import convert, to_verilog
from trine.firmware.isa import STAT_KEPT
from trine.hw.result_queue import ResultQueue
from trine.hw.serializer import Serializer
from trine.hw.vector_command import Op, Target
from trine.hw.vector_engine import VectorEngine
from vector_commands import INT32_MAX, INT32_MIN, Program, command, small_config, trimmed


def surroundings(dut, steps, counts, pending):
    """Give every command its slots and scalars, and count the strobes."""
    rng = Random(len(steps))

    async def testbench(ctx):
        taken, earlier, held = 0, 0, None

        def mask(flags):
            return sum(flag << n for n, flag in enumerate(flags))

        def surround(step):
            ctx.set(dut.active, mask(step.active))
            ctx.set(dut.fresh, mask(step.fresh))
            ctx.set(dut.chained, step.source is not None)
            ctx.set(dut.source, step.source or 0)

        surround(steps[0])
        while True:
            _, _, valid, ready, slot, reg, element, saturated = await ctx.tick().sample(
                dut.command.valid, dut.command.ready, dut.scalar_slot, dut.scalar_reg,
                dut.element, dut.saturated)
            counts["elements"] += element
            counts["saturated"] += saturated
            if taken:
                step = steps[taken - 1]
                waits = rng.random() < pending or held != step.command["operand"]
                m, e = (rng.randrange(1 << 31), -30) if waits else step.scalars[earlier]
                ctx.set(dut.scalar_pending, waits)
                ctx.set(dut.scalar_m, m)
                ctx.set(dut.scalar_e, e)
            earlier, held = slot, reg
            taken += valid & ready
            # From now on, because this is where the next command is taken.
            if taken < len(steps) and not ctx.get(dut.busy):
                surround(steps[taken])

    return testbench


def check(program, *, pending=0.0, **options):
    """Run a program and compare everything that leaves the engine; return what moved when."""
    dut = VectorEngine(config=program.config)
    expected = program.finish().outputs()
    counts = {"elements": 0, "saturated": 0}
    moved = transfers(
        dut, program.inputs(), {name: len(items) for name, items in expected.items()},
        background=[surroundings(dut, program.steps, counts, pending)], **options)
    for name, items in expected.items():
        assert [trimmed(payload, name) if name == "codes" else payload
                for _, payload in moved[name]] == items, name
    lanes = program.config.vector_lanes
    assert counts == {"elements": sum(step.beats(lanes) for step in program.steps),
                      "saturated": sum(step.outcome.saturated for step in program.steps)}
    return moved


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("op", [op.name for op in Op])
def test_every_source_and_target(op, lanes):
    program = Program(small_config(1, lanes), seed=op)
    combinations = product(["VECTOR", "STATE", "SUMS", "LOADS"],
                           ["NONE", "VECTOR", "CONSTANT", "CONSTANT_UNSIGNED"],
                           ["NONE", "VECTOR", "STATE", "RESIDUAL", "LOGITS", "CODE", "STORES"])
    legal = 0
    for a_source, b_source, target in combinations:
        fields = {"op": op, "a_source": a_source, "b_source": b_source, "target": target}
        if program.legal(command(**fields)):
            legal += 1
            program.random(**fields, **({"shift": 0} if a_source == "LOADS" or target == "STORES"
                                        else {}))
    assert legal >= 4
    check(program, stall=0.0)


@pytest.mark.parametrize("slots, lanes", [(1, 1), (3, 1), (1, 2), (1, 4), (3, 4), (2, 8)])
@pytest.mark.parametrize("stall, pending", [(0.0, 0.0), (0.5, 0.7)])
def test_random_programs(slots, lanes, stall, pending):
    program = Program(small_config(slots, lanes), seed=slots)
    for _ in range(40):
        program.random()
    check(program, stall=stall, pending=pending)


@pytest.mark.parametrize("lanes", [1, 4])
def test_chained_slots_read_what_the_slot_before_wrote(lanes):
    """Vectors are shorter than the pipeline, so a slot must wait for the one before."""
    program = Program(small_config(3, lanes), seed=5)
    for length in (1, 2, 7, 16, 1, 3) * 4:
        program.random(op="INTERPOLATE", a_source="VECTOR", b_source="VECTOR", target="STATE",
                       length=length, shift=4)
    assert sum(step.source is not None and sum(step.active) > 1 for step in program.steps) > 3
    check(program, stall=0.0)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("slots, lanes", [(3, 1), (3, 4), (2, 8)])
def test_statistics_are_kept(slots, lanes, stall):
    """Until a command wants them; those between may be without one."""
    program, everyone = Program(small_config(slots, lanes), seed=6), [True] * slots
    for statistic in ("SUM_SQUARES", "ABSMAX", "SUM_SQUARES"):
        for stat in (STAT_KEPT, STAT_KEPT, 0, STAT_KEPT, 5, 6):
            program.random(op="MULTIPLY", length=program.rng.choice([1, 2, 16]), stat=stat,
                           statistic=statistic if stat else "ABSMAX", active=everyone)
        program.random(op="SCALE", a_source="SUMS", target="RESIDUAL", stat=STAT_KEPT,
                       statistic=statistic, active=everyone)
        program.random(op="SILU", stat=STAT_KEPT - 1, statistic=statistic, active=everyone)
    check(program, stall=stall)
    assert len(program.outputs()["statistic"]) == 9 * slots


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("stalled", ["sums", "loads", "fill", "stores", "logits", "statistic"])
def test_each_stream_stalls_alone(stalled, lanes):
    program = Program(small_config(2, lanes), seed=stalled)
    for source, target in (("SUMS", "LOGITS"), ("SUMS", "RESIDUAL"), ("LOADS", "STATE"),
                           ("VECTOR", "CONSTANT"), ("STATE", "STORES"), ("SUMS", "LOGITS")):
        program.random(a_source=source, target=target, op="SCALE" if source == "SUMS" else
                       "MULTIPLY", b_source="NONE", shift=0, length=16)
    check(program, stall={stalled: 0.7})


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("shift", [0, 1, 62])
def test_extremes(shift, lanes):
    config = small_config(1, lanes).replace(vector_words=128, state_words=64)
    program = Program(config, seed=shift)
    extremes = [INT32_MIN, INT32_MIN + 1, -2, -1, 0, 1, 2, INT32_MAX]
    first, second = np.array(list(product(extremes, extremes))).T
    program.add(command(a_source="LOADS", target="VECTOR", length=128),
                streamed=np.concatenate([first, second])[None])
    for op in ("MULTIPLY", "ADD", "SUBTRACT", "SIGMOID", "SILU"):
        program.random(op=op, a_source="VECTOR", b_source="VECTOR", a=0, b=64, length=64,
                       target="NONE", shift=shift, operand=shift, stat=5, statistic="SUM_SQUARES")
    for h in (INT32_MIN, -1, INT32_MAX):
        program.add(command(a_source="LOADS", target="STATE", length=64),
                    streamed=np.full((1, 64), h))
        program.random(op="INTERPOLATE", a_source="VECTOR", b_source="VECTOR", a=0, b=64,
                       length=64, dst=0, target="STATE", shift=shift, stat=6)
    check(program, stall=0.0)


def test_exponents():
    program = Program(small_config(1), seed=0)
    for exponent, mantissa in product([-512, -65, -64, -63, -62, -31, -1, 0, 1, 511],
                                      [1 << 30, (1 << 31) - 1]):
        for op, target in (("SCALE", "NONE"), ("QUANTIZE", "CODE")):
            program.add(command(op=op, target=target, stat=9, statistic="SUM_SQUARES", length=16),
                        scalars=[(mantissa, exponent)])
    check(program, stall=0.0)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_cycles(lanes):
    program = Program(small_config(1, lanes), seed=7)
    for _ in range(50):
        program.random()
    program.random(length=1)
    moved = check(program, stall=0.0)
    taken = [cycle for cycle, _ in moved["command"]]
    for step, (begin, end) in zip(program.steps, pairwise(taken)):
        fields = step.command
        assert end - begin == VectorEngine.cycles(
            Op[fields["op"]], Target[fields["target"]], fields["length"], lanes=lanes,
            loads=fields["a_source"] == "LOADS",
            stat=fields["stat"] != 0 and fields["target"] != "CONSTANT"), fields


@pytest.mark.parametrize("lanes", [1, 4])
def test_latency(lanes):
    program = Program(small_config(1, lanes), seed=8)
    program.random(op="SCALE", a_source="SUMS", target="LOGITS", stat=0)
    moved = check(program, stall=0.0)
    # Behind the pipeline, the first logit passes the queue of results.
    assert moved["logits"][0][0] - moved["sums"][0][0] == (
        VectorEngine.latency + Serializer(config=program.config).latency + ResultQueue.latency)
    assert VectorEngine.latency == 29


@pytest.mark.parametrize("lanes", [1, 4])
def test_cycles_with_slots(lanes):
    program = Program(small_config(3, lanes), seed=9)
    for op, stat in product(["MULTIPLY", "SCALE", "SILU"], [0, 4]):
        program.random(op=op, a_source="VECTOR", target="VECTOR", length=14, stat=stat)
    for source, target in (("LOADS", "VECTOR"), ("VECTOR", "STORES"), ("VECTOR", "NONE")):
        program.random(op="MULTIPLY", a_source=source, b_source="NONE", target=target, length=14,
                       shift=0)
    moved = check(program, stall=0.0)
    taken = [cycle for cycle, _ in moved["command"]]
    for step, (begin, end) in list(zip(program.steps, pairwise(taken)))[3:-2]:
        fields = step.command
        assert end - begin == VectorEngine.cycles(
            Op[fields["op"]], Target[fields["target"]], 14, slots=sum(step.active), lanes=lanes,
            loads=fields["a_source"] == "LOADS", stat=fields["stat"] != 0), fields


def test_scalar_wait():
    dut = VectorEngine(config=small_config(1))
    step = Program(small_config(1), 0).steps[0]
    step.command = command(op="SCALE", length=4, stat=3)
    waits = []

    async def testbench(ctx):
        ctx.set(dut.active, 1)
        ctx.set(dut.scalar_pending, 1)
        ctx.set(dut.command.payload, step.payload)
        ctx.set(dut.command.valid, 1)
        await ctx.tick()
        ctx.set(dut.command.valid, 0)
        for cycle in range(80):
            ctx.set(dut.scalar_pending, cycle < 10)
            ctx.set(dut.statistic.ready, cycle >= 70)
            _, _, wait, offered = await ctx.tick().sample(dut.scalar_wait, dut.statistic.valid)
            assert wait == (1 <= cycle < 10 or (offered and cycle < 70))
            waits.append(wait)
        assert sum(waits[10:]) > 10 and not ctx.get(dut.busy)

    simulate(dut, testbench)


def test_a_command_without_active_slots_is_dropped():
    dut = VectorEngine(config=small_config(3))

    async def testbench(ctx):
        ctx.set(dut.command.payload, Program(small_config(3), 0).steps[1].payload)
        ctx.set(dut.command.valid, 1)
        ctx.set(dut.loads.valid, 1)
        taken = 0
        for _ in range(30):
            _, _, ready, loads = await ctx.tick().sample(dut.command.ready, dut.loads.ready)
            taken += ready
            assert not loads
        assert taken >= 5

    simulate(dut, testbench)


@pytest.mark.parametrize("slots, lanes", [(1, 1), (16, 4)])
def test_converts(slots, lanes):
    convert(VectorEngine(config=small_config(slots, lanes)))


@pytest.mark.slow
@pytest.mark.parametrize("slots, lanes, commands, stall", [
    (1, 1, 2500, 0.0), (3, 1, 800, 0.3), (1, 4, 2000, 0.3), (3, 4, 1500, 0.0)])
def test_on_verilator(slots, lanes, commands, stall):
    text = to_verilog(VectorEngine(config=small_config(slots, lanes)), name="vector_engine")
    run_bench(Path(__file__).with_name("bench_vector_engine.py"), top="vector_engine",
              sources={"vector_engine.v": text},
              values={"slots": slots, "lanes": lanes, "commands": commands, "seed": 2,
                      "stall": stall})
