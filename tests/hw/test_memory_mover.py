"""MemoryMover against its golden functions."""

import numpy as np
import pytest
from amaranth.back import rtlil

from bench import transfers
from trine.firmware.config import preset
from trine.firmware.registers import SLOTS
from trine.hw.memory_mover import MemoryMover
from trine.sim.golden import memory_mover as golden

TOKENS = [3, 0, (1 << 18) - 1, 0]
POSITIONS = [0, 1, 70000, 0]


def make(*, memory_bytes=2, slots=1, burst_beats=8):
    return MemoryMover(config=preset("tiny").replace(
        memory_bytes=memory_bytes, slots=slots, burst_beats=burst_beats))


def command(length, *, write=0, wide=0, shift=0, base=64, token=0, slot=0, position=0):
    return {"write": write, "wide": wide, "shift": shift, "length": length, "base": base,
            "token_stride": token, "slot_stride": slot, "position_stride": position}


def expect_bursts(dut, fields, active):
    """Burst commands, by slot and chunk."""
    config = dut.config
    size = fields["length"] * (4 if fields["wide"] else 2)
    beats = -(-size // config.burst_bytes) * config.burst_beats
    for slot in range(config.slots):
        if active >> slot & 1:
            at = golden.beat_address(fields, slot, TOKENS[slot], POSITIONS[slot],
                                     config.memory_beats)
            for start in range(0, beats, dut.CHUNK):
                yield {"addr": (at + start) % config.memory_beats,
                       "beats": min(dut.CHUNK, beats - start), "write": fields["write"]}


def beats_of(data, beat_bytes):
    return [int.from_bytes(data[at:at + beat_bytes], "little")
            for at in range(0, len(data), beat_bytes)]


def slots_of(dut):
    async def supply(ctx):
        while True:
            slot = ctx.get(dut.slot)
            ctx.set(dut.token, TOKENS[slot])
            ctx.set(dut.position, POSITIONS[slot])
            await ctx.changed(dut.slot)
    return supply


def memory_of(dut, chunks):
    """Strobe ``done`` a while after the last beat of each chunk."""
    async def finish(ctx):
        for beats in chunks:
            while beats:
                _, _, valid, ready = await ctx.tick().sample(
                    dut.memory.wdata.valid, dut.memory.wdata.ready)
                beats -= valid & ready
            await ctx.tick().repeat(3)
            ctx.set(dut.memory.done, 1)
            await ctx.tick()
            ctx.set(dut.memory.done, 0)
    return finish


def load(dut, commands, contents, active, **options):
    """Run LOADs on ``contents`` (bytes for each slot of each command)."""
    bursts = [burst for fields in commands for burst in expect_bursts(dut, fields, active)]
    beats = [beat for data in contents for beat in beats_of(data, dut.config.memory_bytes)]
    elements = sum(fields["length"] for fields in commands) * active.bit_count()
    moved = transfers(dut, {"command": commands, "memory.rdata": beats},
                      {"memory.burst": len(bursts), "loads": elements}, pins={"active": active},
                      background=[slots_of(dut)], **options)
    assert [payload for _, payload in moved["memory.burst"]] == bursts
    return [payload for _, payload in moved["loads"]]


def store(dut, commands, values, active, **options):
    bursts = [burst for fields in commands for burst in expect_bursts(dut, fields, active)]
    chunks = [burst["beats"] for burst in bursts]
    moved = transfers(dut, {"command": commands, "stores": values},
                      {"memory.burst": len(bursts), "memory.wdata": sum(chunks)},
                      pins={"active": active},
                      background=[slots_of(dut), memory_of(dut, chunks)], **options)
    assert [payload for _, payload in moved["memory.burst"]] == bursts
    return [payload for _, payload in moved["memory.wdata"]]


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize("memory_bytes, slots, active", [
    (2, 1, 0b1), (2, 3, 0b101), (8, 3, 0b110)])
def test_loads_match_golden(memory_bytes, slots, active, wide, stall):
    dut = make(memory_bytes=memory_bytes, slots=slots)
    rng = np.random.default_rng(slots + wide)
    commands = [command(length, wide=wide, shift=shift, base=8 * length, token=16, slot=800,
                        position=24) for length, shift in ((1, 3), (19, 7), (32, 0))]
    contents, expected = [], []
    for fields in commands:
        size = fields["length"] * (4 if wide else 2)
        padded = -(-size // dut.config.burst_bytes) * dut.config.burst_bytes
        for _ in range(active.bit_count()):
            # Padding is noise: it must not come out.
            contents.append(rng.bytes(padded))
            expected += golden.load(contents[-1][:size], wide, fields["shift"]).tolist()

    assert load(dut, commands, contents, active, stall=stall) == expected


@pytest.mark.parametrize("wide", [0, 1])
def test_shifts_saturate(wide):
    values = [0, 1, -1, 2, -2, 3, -3, 32767, -32768, 255, -256, 16384, -16385, 511, 512, -513]
    if wide:
        values = [v << n for v in values for n in (0, 9, 16)]
        values = [v for v in values if -(1 << 31) <= v < 1 << 31]
    shifts = [0, 1, 7, 8, 15, 16, 17, 23, 24, 30, 31, 32, 40, 63]
    data = np.array(values, "<i4" if wide else "<i2").tobytes()
    dut = make()
    padded = data.ljust(-(-len(data) // dut.config.burst_bytes) * dut.config.burst_bytes, b"\1")
    commands = [command(len(values), wide=wide, shift=shift) for shift in shifts]

    outputs = load(dut, commands, [padded] * len(shifts), 1, stall=0.0)

    expected = np.concatenate([golden.load(data, wide, shift) for shift in shifts])
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize("memory_bytes, slots, active", [
    (2, 1, 0b1), (2, 3, 0b101), (8, 3, 0b011)])
def test_stores_match_golden(memory_bytes, slots, active, wide, stall):
    dut = make(memory_bytes=memory_bytes, slots=slots)
    rng = np.random.default_rng(slots + wide)
    commands = [command(length, write=1, wide=wide, base=8 * length, token=16, slot=800,
                        position=24) for length in (1, 19, 32)]
    values, expected = [], []
    for fields in commands:
        for _ in range(active.bit_count()):
            vector = rng.integers(-(1 << 31), 1 << 31, fields["length"])
            values += vector.tolist()
            expected += beats_of(golden.store(vector, wide, dut.config.burst_bytes), memory_bytes)

    assert store(dut, commands, values, active, stall=stall) == expected


def test_long_vectors_are_cut_into_chunks():
    dut = make()
    rng = np.random.default_rng(1)
    contents = rng.bytes(2 * (2 * dut.CHUNK + 8))
    fields = command(2 * dut.CHUNK + 3)
    expected = golden.load(contents, 0, 0)[:2 * dut.CHUNK + 3]

    np.testing.assert_array_equal(load(dut, [fields], [contents], 1, stall=0.0), expected)


def test_addresses_wrap_and_use_every_bit():
    dut = make(slots=3)
    rng = np.random.default_rng(2)
    commands = [command(1, base=int(rng.integers(1 << 28)) * 8, token=int(rng.integers(1 << 32)),
                        slot=int(rng.integers(1 << 32)), position=int(rng.integers(1 << 32)))
                for _ in range(4)]

    load(dut, commands, [bytes(16)] * 12, 0b111, stall=0.0)


def test_int16_moves_at_one_element_a_clock():
    dut = make()
    moved = transfers(dut, {"command": [command(64)], "memory.rdata": list(range(64))},
                      {"memory.burst": 1, "loads": 64}, pins={"active": 1}, stall=0.0)
    times = [time for time, _ in moved["loads"]]
    assert times[-1] - times[0] == 63


@pytest.mark.parametrize("slots", [1, SLOTS])
def test_converts(slots):
    rtlil.convert(make(slots=slots), name="memory_mover")
