from random import Random

import pytest
from amaranth.back import rtlil

from bench import plain, simulate
from trine.firmware.config import PRESETS
from trine.hw.code_memory import CodeMemory, CodeRead


@pytest.mark.parametrize("slots, lanes", [(1, 1), (3, 1), (1, 2), (3, 4)])
def test_keeps_every_code(slots, lanes):
    config = PRESETS["tiny"].replace(slots=slots, vector_lanes=lanes, lanes=20)
    rng = Random(slots)
    codes = [[rng.randrange(-128, 128) for _ in range(config.code_words)] for _ in range(slots)]
    rows = range(config.code_words // lanes)
    # First rows of rubbish, then those whose lanes are written in part.
    writes = [(slot, row, lanes) for slot in range(slots) for row in rows]
    rng.shuffle(writes)
    parts = [(slot, row, rng.randint(1, lanes)) for slot, row, _ in writes]
    rubbish = [[rng.randrange(-128, 128) for _ in codes[0]] for _ in codes]
    expected = [list(row) for row in rubbish]
    for slot, row, count in parts:
        at = slice(lanes * row, lanes * row + count)
        expected[slot][at] = codes[slot][at]
    reads = [rng.randrange(config.code_words) for _ in range(100)]
    dut = CodeMemory(config=config)
    found = []

    async def testbench(ctx):
        for values, (slot, row, count) in [*((rubbish, write) for write in writes),
                                           *((codes, part) for part in parts)]:
            ctx.set(dut.write.payload, {
                "slot": slot, "row": row, "more": (1 << count - 1) - 1,
                "codes": values[slot][lanes * row:lanes * (row + 1)]})
            ctx.set(dut.write.valid, 1)
            # A read meanwhile does no harm.
            ctx.set(dut.read.addr, reads[0])
            await ctx.tick()
        ctx.set(dut.write.valid, 0)
        # One read a clock; the data of each two clocks later.
        for addr in [*reads, 0]:
            ctx.set(dut.read.addr, addr)
            await ctx.tick()
            found.append(plain(ctx.get(dut.read.data)))

    simulate(dut, testbench)
    assert CodeRead.latency == 2
    assert found[1:] == [[expected[slot][addr] for slot in range(slots)] for addr in reads]


def test_converts():
    dut = CodeMemory(config=PRESETS["ulx3s"])
    # A constant, such as the ready of a stream that never stalls, cannot be a port.
    ports = [dut.write.payload.as_value(), dut.write.valid, dut.read.addr,
             dut.read.data.as_value()]
    assert rtlil.convert(dut, ports=ports).count("memory width 8 size 2048") == 1
