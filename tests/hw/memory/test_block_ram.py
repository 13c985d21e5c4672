"""BlockRAM against a list, on both ports at once."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import run, transfers
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.skid_buffer import SkidBuffer

DEPTH = 512


def contents(seed=1):
    return [Random(seed).getrandbits(16) ^ n for n in range(DEPTH)]


def replay(bursts, wdata, memory):
    """Run random bursts on ``memory`` and return what the reads give."""
    wdata = iter(wdata)
    rdata = []
    for burst in bursts:
        for addr in range(burst["addr"], burst["addr"] + burst["beats"]):
            if burst["write"]:
                memory[addr % DEPTH] = next(wdata)
            else:
                rdata.append(memory[addr % DEPTH])
    return rdata


def random_bursts(rng, count, *, blocks):
    """Bursts within ``blocks``, a range of 8-beat blocks, and the data of the writes."""
    bursts = []
    for _ in range(count):
        first = rng.choice(blocks)
        beats = 8 * rng.randint(0, min(6, blocks.stop - first))
        bursts.append({"addr": 8 * first, "beats": beats, "write": rng.randint(0, 1)})
    beats = sum(burst["beats"] for burst in bursts if burst["write"])
    return bursts, [rng.getrandbits(16) for _ in range(beats)]


def stretch(memory, commands):
    return [memory[addr % DEPTH] for command in commands
            for addr in range(command["addr"], command["addr"] + command["beats"])]


@pytest.mark.parametrize("stall", [0.0, 0.5, {"memory.data": 0.9}, {"memory.rdata": 0.9},
                                   {"memory.wdata": 0.9}])
def test_tape_and_bursts(stall):
    rng = Random(5)
    memory = contents()
    tape = [{"addr": 8 * rng.randrange(32), "beats": 8 * rng.randint(0, 8)} for _ in range(12)]
    expected = stretch(memory, tape)
    bursts, wdata = random_bursts(rng, 30, blocks=range(32, 64))

    outputs = run(BlockRAM(beat_bytes=2, depth=DEPTH, init=memory), {
        "memory.tape": tape, "memory.burst": bursts, "memory.wdata": wdata,
    }, {"memory.data": len(expected), "memory.rdata": len(replay(bursts, wdata, memory[:]))},
        stall=stall, seed=7)

    assert outputs["memory.data"] == expected
    assert outputs["memory.rdata"] == replay(bursts, wdata, memory)


def test_addresses_wrap_and_low_bits_are_ignored():
    memory = contents()
    outputs = run(BlockRAM(beat_bytes=2, depth=DEPTH, init=memory),
                  {"memory.tape": [{"addr": DEPTH - 8 + 3, "beats": 16}]},
                  {"memory.data": 16}, stall=0.0)
    assert outputs["memory.data"] == memory[-8:] + memory[:8]


@pytest.mark.parametrize("burst_beats", [4, 8])
def test_full_rate_across_commands(burst_beats):
    memory = contents()
    dut = BlockRAM(beat_bytes=2, depth=DEPTH, burst_beats=burst_beats, init=memory)
    moved = transfers(dut, {"memory.tape": [{"addr": 64, "beats": 128}] * 3},
                      {"memory.data": 384}, stall=0.0)
    cycles = [cycle for cycle, _ in moved["memory.data"]]
    assert cycles == list(range(cycles[0], cycles[0] + 384))
    assert cycles[0] - moved["memory.tape"][0][0] == dut.latency


def test_bursts_take_only_their_clocks_from_the_tape():
    dut = BlockRAM(beat_bytes=2, depth=DEPTH)
    moved = transfers(dut, {"memory.tape": [{"addr": 0, "beats": DEPTH}],
                            "memory.burst": [{"addr": 256, "beats": 64, "write": 0}]},
                      {"memory.data": DEPTH, "memory.rdata": 64}, stall=0.0)
    # A burst's beats come a clock later than the tape's: they pass one more buffer.
    first = moved["memory.rdata"][0][0] - SkidBuffer.latency
    assert moved["memory.data"][-1][0] - first == DEPTH + 64 - 1


def test_done_once_a_write_command():
    dut = BlockRAM(beat_bytes=2, depth=DEPTH)
    done = []

    async def watch(ctx):
        async for _, _, strobe in ctx.tick().sample(dut.memory.done):
            done.append(strobe)

    moved = transfers(dut, {"memory.burst": [
        {"addr": 0, "beats": 24, "write": 1}, {"addr": 0, "beats": 8, "write": 0},
        {"addr": 64, "beats": 8, "write": 1}], "memory.wdata": range(32)},
        {"memory.rdata": 8}, stall=0.0, background=[watch])
    assert sum(done) == 2
    # Both strobes follow the last data of their command.
    first, second = (clock for clock, strobe in enumerate(done) if strobe)
    assert moved["memory.wdata"][23][0] < first
    assert moved["memory.wdata"][31][0] < second


@pytest.mark.parametrize("depth", [2048, 6144])
def test_wide_beats_lie_in_banks(depth):
    rng = Random(9)
    memory = [rng.getrandbits(256) for _ in range(depth)]
    dut = BlockRAM(beat_bytes=32, depth=depth, burst_beats=4, init=memory)
    bursts, wdata = [], []
    for first in range(0, depth, 512):
        # Across the end of a bank, where there is one behind it.
        beats = 16 if first + 512 < depth else 8
        wdata += [rng.getrandbits(256) for _ in range(beats)]
        bursts += [{"addr": first + 504, "beats": beats, "write": write} for write in (1, 0)]
    moved = transfers(dut, {"memory.tape": [{"addr": 4, "beats": depth - 500}],
                            "memory.burst": bursts, "memory.wdata": wdata},
                      {"memory.data": 400, "memory.rdata": len(wdata)}, stall=0.2)
    assert [beat for _, beat in moved["memory.rdata"]] == wdata
    assert [beat for _, beat in moved["memory.data"]][:400] == memory[4:404]


def test_full_rate_from_banks():
    dut = BlockRAM(beat_bytes=32, depth=4096, burst_beats=4)
    moved = transfers(dut, {"memory.tape": [{"addr": 1536, "beats": 1024}]},
                      {"memory.data": 1024}, stall=0.0)
    cycles = [cycle for cycle, _ in moved["memory.data"]]
    assert cycles == list(range(cycles[0], cycles[0] + 1024))


def test_what_lies_behind_the_end_is_zero():
    dut = BlockRAM(beat_bytes=32, depth=6144, burst_beats=4, init=[1] * 6144)
    outputs = run(dut, {"memory.burst": [{"addr": 6144 - 4, "beats": 8, "write": 1},
                                         {"addr": 6144 - 4, "beats": 8, "write": 0}],
                        "memory.wdata": range(8)}, {"memory.rdata": 8}, stall=0.0)
    assert outputs["memory.rdata"] == [0, 1, 2, 3, 0, 0, 0, 0]


@pytest.mark.parametrize("beat_bytes, depth, message", [
    (2, 8, "Depth must be whole bursts of 8 beats, two or more, not 8"),
    (2, 100, "Depth must be whole bursts of 8 beats, two or more, not 100"),
    (2, 3072, "Depth must be a power of two or whole banks of 2048 beats, not 3072"),
    (32, 3072, "Depth must be a power of two or whole banks of 2048 beats, not 3072")])
def test_rejects_bad_depths(beat_bytes, depth, message):
    with pytest.raises(ValueError, match=message):
        BlockRAM(beat_bytes=beat_bytes, depth=depth)


def test_converts():
    rtlil.convert(BlockRAM(beat_bytes=2, depth=DEPTH, init=contents()), name="top")
