"""The SDRAM controller with its chip on Verilator, against an array. Run by test_sdram.py.

One coroutine drives all streams and looks at them once a clock. The tests run one after the
other on the same chip, so a module keeps what the memory holds.
"""

from random import Random

import cocotb

from cocotb_support import parameters
from memory_bench import connect_core

#: What test_sdram.py says about the controller.
SETUP = parameters()
#: Beat address to what was written there.
HELD = {}


async def connect(dut):
    return await connect_core(dut, SETUP["addr_width"], HELD)


def areas(core):
    """Two areas, as first beat and beats: over the end of the chip, and over banks and rows."""
    cols = SETUP["cols"]
    return (core.size - 2 * cols, 4 * cols), (core.size // 2 - cols // 2, 9 * cols)


@cocotb.test()
async def write_and_read_back(dut):
    core = await connect(dut)
    rng = Random(1)
    bursts = []
    for first, beats in areas(core):
        while beats:
            length = min(beats, 8 * rng.randint(1, 100))
            bursts.append((first % core.size, length, 1))
            first, beats = first + length, beats - length
    wdata = [rng.getrandbits(16) for _ in range(sum(beats for _, beats, _ in bursts))]
    moved = await core.run(bursts=bursts, wdata=wdata, patience=SETUP["init"] + 4000)
    assert len(moved["done"]) == len(bursts)
    core.hold(bursts, wdata)
    core.check_chip()
    # Writes run as fast as the chip: the commands take 2 clocks each, hidden behind the data.
    clocks = moved["wdata"][-1][0] - moved["wdata"][100][0]
    assert (len(wdata) - 101) / clocks > 0.95

    reads = [(addr, beats, 0) for addr, beats, _ in bursts[::4]]
    core.check(await core.run(bursts=reads), rdata=core.hold(reads, ()))


@cocotb.test()
async def linear_read_at_full_speed(dut):
    core = await connect(dut)
    # The last command wraps around the end of the chip.
    tape = [areas(core)[1]] * SETUP["plays"] + [areas(core)[0]]
    moved = await core.run(tape=tape)
    core.check(moved, tape=tape)
    clocks = moved["data"][-1][0] - moved["data"][0][0] + 1
    assert clocks > 20_000
    rate = len(moved["data"]) / clocks
    dut._log.info("linear read: %d beats in %d clocks, %.3f %%", len(moved["data"]), clocks,
                  100 * rate)
    assert rate >= SETUP["rate"]
    # Nothing but refresh interrupts it, and each refresh costs the same.
    gaps = [after - before - 1 for (before, _), (after, _) in
            zip(moved["data"], moved["data"][1:]) if after - before > 1]
    assert set(gaps) == {SETUP["refresh_cost"]}
    assert abs(len(gaps) - clocks / SETUP["refi"]) <= 1


@cocotb.test()
async def first_read_latency(dut):
    """Every refresh closes the banks; between them a read takes what the controller says."""
    core = await connect(dut)
    latencies = []
    for n in range(6):
        await core.clocks(SETUP["refi"] + 100)
        tape = [(areas(core)[1][0] + 8 * 77 * n, 8)]
        moved = await core.run(tape=tape)
        core.check(moved, tape=tape)
        latencies.append(moved["data"][0][0] - moved["tape"][0][0])
    assert min(latencies) == SETUP["latency"]
    # At worst a refresh goes first.
    assert max(latencies) <= SETUP["latency"] + SETUP["refresh_cost"]


@cocotb.test()
async def tape_with_stalls(dut):
    core = await connect(dut)
    rng = Random(2)
    first, beats = areas(core)[1]
    for stall in (0.02, 0.5, 0.9):
        tape = []
        for _ in range(6):
            start = 8 * rng.randrange(beats // 8)
            tape.append((first + start, min(beats - start, 8 * rng.randint(0, 60))))
        core.check(await core.run(tape=tape, stall={"data": stall, "tape": stall}), tape=tape)


def random_bursts(core, rng, count, area):
    """Bursts within ``area`` and data for the writes; many in the same bank, many single."""
    first, beats = area
    bursts = []
    for _ in range(count):
        start = 8 * rng.randrange(beats // 8)
        if rng.random() < 0.3:
            start = start % SETUP["cols"] + 4 * SETUP["cols"] * rng.randrange(2)
        length = min(beats - start, 8 * rng.choice((0, 1, 1, 1, 2, 5, 30)))
        bursts.append(((first + start) % core.size, max(0, length), rng.randint(0, 1)))
    wdata = [rng.getrandbits(16) for _ in range(sum(b[1] for b in bursts if b[2]))]
    return bursts, wdata


@cocotb.test()
async def random_bursts_with_stalls(dut):
    core = await connect(dut)
    rng = Random(3)
    for stall in ({}, {"rdata": 0.9}, {"wdata": 0.7}, {"burst": 0.9, "rdata": 0.3}):
        bursts, wdata = random_bursts(core, rng, 60, areas(core)[1])
        rdata = core.hold(bursts, wdata)
        core.check(await core.run(bursts=bursts, wdata=wdata, stall=stall), rdata=rdata)


@cocotb.test()
async def tape_and_bursts_together(dut):
    core = await connect(dut)
    rng = Random(4)
    second, first = areas(core)
    for stall in ({}, {"data": 0.3, "rdata": 0.6, "wdata": 0.3, "burst": 0.8}):
        tape = [(first[0] + 8 * n, 700) for n in (0, 13, 5, 100)]
        tape = [(addr, beats // 8 * 8) for addr, beats in tape]
        bursts, wdata = random_bursts(core, rng, 50, (second[0], second[1]))
        expected = core.tape(tape)
        rdata = core.hold(bursts, wdata)
        moved = await core.run(tape=tape, bursts=bursts, wdata=wdata, stall=stall)
        assert [payload for _, payload in moved["data"]] == expected
        core.check(moved, tape=tape, rdata=rdata)


@cocotb.test()
async def stalled_tape_lets_bursts_pass(dut):
    core = await connect(dut)
    first, _ = areas(core)[1]
    tape = [(first, 256)]
    bursts = [(areas(core)[0][0], 256, 0)]
    moved = await core.run(tape=tape, bursts=bursts, stall={"data": 0.97})
    core.check(moved, tape=tape, rdata=core.hold(bursts, ()))
    assert moved["rdata"][-1][0] < moved["data"][40][0]


@cocotb.test()
async def cancel(dut):
    core = await connect(dut)
    first, _ = areas(core)[1]
    for cancel_at in (0, 3, 5, 20, 301):
        tape = [(first, 512), (first, 512)]
        moved = await core.run(tape=tape, cancel_at=cancel_at, spare=100)
        got = [payload for _, payload in moved["data"]]
        # A prefix in whole bursts, and at most three bursts that were under way.
        assert got == core.tape(tape)[:len(got)]
        assert len(got) % 8 == 0
        assert len(got) <= cancel_at + 24
        assert core.signal("idle").value == 1
        tape = [(first + 64, 24)]
        core.check(await core.run(tape=tape), tape=tape)


@cocotb.test()
async def idle_is_refreshed(dut):
    core = await connect(dut)
    await core.clocks(20 * SETUP["refi"])
    core.check_chip()
    tape = [areas(core)[1]]
    core.check(await core.run(tape=tape), tape=tape)
