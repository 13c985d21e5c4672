"""The memory of which only the rate is known, on Verilator. Run by test_paced_memory.py."""

from itertools import pairwise
from random import Random

import cocotb

from cocotb_support import parameters
from memory_bench import connect_core

SETUP = parameters()
HELD = {}


async def connect(dut):
    return await connect_core(dut, SETUP["addr_width"], HELD)


def value(rng):
    return rng.getrandbits(64)


@cocotb.test()
async def write_and_read_back(dut):
    core, rng = await connect(dut), Random(1)
    bursts = [(start, 256, 1) for start in range(0, core.size, 256)]
    wdata = [value(rng) for _ in range(core.size)]
    moved = await core.run(bursts=bursts, wdata=wdata)
    assert len(moved["done"]) == len(bursts)
    core.hold(bursts, wdata)
    tape = [(0, core.size), (core.size - 16, 32)]
    core.check(await core.run(tape=tape), tape=tape)


@cocotb.test()
async def both_ports_under_stalls(dut):
    core, rng = await connect(dut), Random(2)
    half = core.size // 2
    for name in ("none", "data", "rdata", "wdata"):
        bursts = [(half + 8 * rng.randrange(half // 8 - 6), 8 * rng.randint(0, 6),
                   rng.randint(0, 1)) for _ in range(60)]
        wdata = [value(rng) for _ in range(sum(n for _, n, write in bursts if write))]
        tape = [(8 * rng.randrange(half // 16), 8 * rng.randint(1, 16)) for _ in range(20)]
        moved = await core.run(tape=tape, bursts=bursts, wdata=wdata, stall={name: 0.7}, seed=3)
        core.check(moved, tape=tape, rdata=core.hold(bursts, wdata))


@cocotb.test()
async def pauses_behind_every_row_of_bursts(dut):
    core = await connect(dut)
    moved = await core.run(tape=[(0, core.size)])
    clocks = [clock for clock, _ in moved["data"]]
    gaps = {n: after - before for n, (before, after) in enumerate(pairwise(clocks), 1)
            if after != before + 1}

    row = 8 * SETUP["row"]
    first = min(gaps)
    assert first % 8 == 0 and first <= row
    assert gaps == dict.fromkeys(range(first, core.size, row), SETUP["pause"] + 1)


@cocotb.test()
async def latency(dut):
    core = await connect(dut)
    moved = await core.run(tape=[(64, 8)])
    assert moved["data"][0][0] - moved["tape"][0][0] == SETUP["latency"]
