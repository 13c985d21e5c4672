"""ScalarUnit against its golden model, instruction by instruction."""

import random

import pytest
from amaranth.back import rtlil

from bench import simulate, stream_put
from trine.firmware.config import preset
from trine.firmware.isa import N_SCALARS, Opcode
from trine.hw.scalar_command import ScalarOp
from trine.hw.scalar_unit import ScalarUnit
from trine.sim.golden import scalar
from trine.sim.golden.scalar_unit import execute, reset

#: Few registers, so that results are used.
REGISTERS = 6


def unit(slots):
    return ScalarUnit(config=preset("tiny").replace(slots=slots))


def command(op, dst=0, a=0, b=0, mantissa=0, exponent=0):
    return {"op": op, "dst": dst, "a": a, "b": b, "constant": {"m": mantissa, "e": exponent}}


def constant(rng):
    """Return a mantissa and an exponent: usual, far out, or none that a scalar may have."""
    mantissa = rng.choice([1 << 30, (1 << 31) - 1, rng.randrange(1 << 30, 1 << 31), 0])
    spread = rng.choice([2, 40, 511])
    return {"mantissa": mantissa, "exponent": rng.randint(-spread, spread)}


def random_program(rng, length):
    for dst in range(1, REGISTERS):
        yield command(ScalarOp.SET, dst, **constant(rng))
    ops = [*ScalarOp, ScalarOp.SET, ScalarOp.ADD, ScalarOp.ADD_CONSTANT]
    for _ in range(length):
        yield command(rng.choice(ops), *(rng.randrange(REGISTERS) for _ in range(3)),
                      **constant(rng))


def golden(registers, command):
    fields = {name: command[name] for name in ("dst", "a", "b")}
    fields |= {"mantissa": command["constant"]["m"], "exponent": command["constant"]["e"]}
    execute(registers, Opcode(command["op"].value), fields)


async def until_idle(ctx, dut):
    while not ctx.get(dut.idle):
        await ctx.tick()


async def read(ctx, dut, slot, register):
    """Read a register through the vector engine's port: value and pending."""
    ctx.set(dut.scalar_slot, slot)
    ctx.set(dut.scalar_reg, register)
    await ctx.tick().repeat(dut.read_latency)
    return (ctx.get(dut.scalar_m), ctx.get(dut.scalar_e)), ctx.get(dut.scalar_pending)


def check_program(dut, program, *, slots, active, stall=0.0):
    """Run ``program`` while registers are read all the time; then compare every register."""
    rng = random.Random(slots)
    registers = [reset() for _ in range(slots)]
    finished = False
    wrong = []

    async def drive(ctx):
        nonlocal finished
        ctx.set(dut.active, active)
        for n in program:
            while rng.random() < stall:
                await ctx.tick()
            await stream_put(ctx, dut.command, n)
            for slot in range(slots):
                if active >> slot & 1:
                    golden(registers[slot], n)
        await until_idle(ctx, dut)
        finished = True

    async def watch(ctx):
        # What is not pending is what the commands taken so far make of it.
        expected, seen = [], 0
        while not finished:
            slot, register = rng.randrange(slots), rng.randrange(REGISTERS)
            ctx.set(dut.scalar_slot, slot)
            ctx.set(dut.scalar_reg, register)
            expected.append(registers[slot][register])
            _, _, m, e, pending = await ctx.tick().sample(
                dut.scalar_m, dut.scalar_e, dut.scalar_pending)
            if len(expected) > dut.read_latency and not pending:
                seen += 1
                if (m, e) != expected[-1 - dut.read_latency]:
                    wrong.append(f"read {m, e}, not {expected[-1 - dut.read_latency]}")
        assert seen > 10 or not active
        for slot in range(slots):
            for register in range(N_SCALARS):
                assert await read(ctx, dut, slot, register) == (registers[slot][register], 0)

    simulate(dut, drive, watch)
    assert not wrong


@pytest.mark.parametrize("slots, active, length, stall", [
    (1, 0b1, 300, 0.0), (1, 0b1, 100, 0.97), (3, 0b111, 60, 0.0), (3, 0b101, 60, 0.98),
    (3, 0b000, 10, 0.0)])
def test_matches_golden(slots, active, length, stall):
    program = list(random_program(random.Random(length), length))

    check_program(unit(slots), program, slots=slots, active=active, stall=stall)


EDGES = [(0, 5), (1 << 30, -512), ((1 << 31) - 1, 511), (1 << 30, 511), ((1 << 31) - 1, -512),
         (1 << 30, -30), ((1 << 31) - 1, -31)]


@pytest.mark.parametrize("first", EDGES)
def test_extremes(first):
    # Every result stays in a register of its own.
    program = [command(ScalarOp.SET, 1, 0, 0, *first),
               command(ScalarOp.RECIP, 2, 1), command(ScalarOp.RSQRT, 3, 1)]
    for n, second in enumerate(EDGES):
        program += [command(ScalarOp.SET, 10 + n, 1, 1, *second),
                    command(ScalarOp.MULTIPLY, 20 + n, 1, 10 + n),
                    command(ScalarOp.ADD, 30 + n, 1, 10 + n)]

    check_program(unit(1), program, slots=1, active=1)


def test_sums_truncate_the_smaller_operand():
    program = [command(ScalarOp.SET, 1, 0, 0, (1 << 31) - 1, 0)]
    for n, gap in enumerate((1, 29, 30, 31, 32, 63, 64, 511)):
        program += [command(ScalarOp.ADD_CONSTANT, 2 + n, 1, 0, (1 << 31) - 1, -gap),
                    command(ScalarOp.ADD_CONSTANT, 20 + n, 1, 0, (1 << 31) - 1, gap)]

    check_program(unit(1), program, slots=1, active=1)


@pytest.mark.parametrize("slots, active", [(1, 0b1), (3, 0b111), (3, 0b010)])
@pytest.mark.parametrize("op", list(ScalarOp))
@pytest.mark.parametrize("constant", [(1 << 30, 0), (0, 0)])
def test_interval(op, slots, active, constant):
    dut = unit(slots)
    cycles = 0

    async def drive(ctx):
        nonlocal cycles
        ctx.set(dut.active, active)
        for timed in (command(ScalarOp.SET, 2, 0, 0, *constant), command(op, 1, 2, 2, *constant)):
            await stream_put(ctx, dut.command, timed)
            cycles = 0
            while not ctx.get(dut.idle):
                await ctx.tick()
                cycles += 1

    simulate(dut, drive)
    n_active = active.bit_count()
    is_sum = op in (ScalarOp.SET, ScalarOp.ADD, ScalarOp.ADD_CONSTANT)
    late = -is_sum
    if op not in (ScalarOp.RECIP, ScalarOp.RSQRT):
        # 1 + 1 carries to the top, 1 * 1 and 0 + 1 do not, and of zero there is no leading one.
        late += (not is_sum or op == ScalarOp.SET) if constant[0] else 11
    assert cycles == dut.fetch_time + n_active * (dut.intervals[op] + late) + slots - n_active


def test_queue_takes_sixteen():
    dut = unit(1)

    async def drive(ctx):
        ctx.set(dut.active, 1)
        for _ in range(dut.depth):
            assert ctx.get(dut.command.ready)
            await stream_put(ctx, dut.command, command(ScalarOp.RSQRT, 1))
        assert not ctx.get(dut.command.ready)

    simulate(dut, drive)


def test_statistics_come_after_older_commands_and_before_younger_ones():
    dut = unit(3)
    values = [0, 1, (1 << 80) - 1]

    async def drive(ctx):
        ctx.set(dut.active, 0b111)
        await stream_put(ctx, dut.command, command(ScalarOp.RSQRT, 5))
        await stream_put(ctx, dut.command, command(ScalarOp.SET, 7, 0, 0, 1 << 30, 3))
        for slot, value in enumerate(values):
            assert not ctx.get(dut.statistic.ready)
            await stream_put(ctx, dut.statistic, {"slot": slot, "reg": 7, "value": value})
        _, pending = await read(ctx, dut, 2, 7)
        assert pending
        await stream_put(ctx, dut.command, command(ScalarOp.ADD_CONSTANT, 8, 7, 0, 1 << 30, 0))
        await until_idle(ctx, dut)
        for slot, value in enumerate(values):
            expected = scalar.from_integer(value)
            assert await read(ctx, dut, slot, 7) == (expected, 0)
            assert await read(ctx, dut, slot, 8) == (scalar.add(expected, (1 << 30, 0)), 0)

    simulate(dut, drive)


def test_a_statistic_comes_before_a_command_offered_with_it():
    dut = unit(1)

    async def drive(ctx):
        ctx.set(dut.active, 1)
        ctx.set(dut.statistic.payload, {"slot": 0, "reg": 7, "value": 1})
        ctx.set(dut.statistic.valid, 1)
        ctx.set(dut.command.payload, command(ScalarOp.SET, 7, 0, 0, 1 << 30, 3))
        ctx.set(dut.command.valid, 1)
        assert ctx.get(dut.statistic.ready) and ctx.get(dut.command.ready)
        await ctx.tick()
        ctx.set(dut.statistic.valid, 0)
        ctx.set(dut.command.valid, 0)
        # After the statistic the register is still pending: the command is its last writer.
        value, pending = None, 1
        while pending:
            value, pending = await read(ctx, dut, 0, 7)
        assert value == (1 << 30, 3)

    simulate(dut, drive)


def test_a_statistic_for_register_0_is_dropped():
    dut = unit(1)

    async def drive(ctx):
        await stream_put(ctx, dut.statistic, {"slot": 0, "reg": 0, "value": 5})
        await until_idle(ctx, dut)
        assert await read(ctx, dut, 0, 0) == (scalar.ZERO, 0)

    simulate(dut, drive)


def test_converts():
    for slots in (1, 3):
        assert "scalar_pending" in rtlil.convert(unit(slots))
