from random import Random

import pytest
from amaranth.back import rtlil

from bench import plain, simulate
from trine.firmware.config import PRESETS
from trine.hw.code_memory import CodeMemory, CodeRead


@pytest.mark.parametrize("slots", [1, 3])
def test_keeps_every_code(slots):
    config = PRESETS["tiny"].replace(slots=slots)
    rng = Random(slots)
    codes = [[rng.randrange(-128, 128) for _ in range(config.code_words)] for _ in range(slots)]
    writes = [(slot, addr) for slot in range(slots) for addr in range(config.code_words)]
    rng.shuffle(writes)
    reads = [rng.randrange(config.code_words) for _ in range(100)]
    dut = CodeMemory(config=config)
    found = []

    async def testbench(ctx):
        for slot, addr in writes:
            ctx.set(dut.write.payload, {"slot": slot, "addr": addr, "code": codes[slot][addr]})
            ctx.set(dut.write.valid, 1)
            # A read meanwhile does no harm.
            ctx.set(dut.read.addr, reads[0])
            ctx.set(dut.read.en, rng.random() < 0.5)
            await ctx.tick()
        ctx.set(dut.write.valid, 0)
        # One read a clock; the data of each two clocks later.
        ctx.set(dut.read.en, 1)
        for addr in [*reads, 0]:
            ctx.set(dut.read.addr, addr)
            await ctx.tick()
            found.append(plain(ctx.get(dut.read.data)))

    simulate(dut, testbench)
    assert CodeRead.latency == 2
    assert found[1:] == [[codes[slot][addr] for slot in range(slots)] for addr in reads]


def test_data_stay_until_the_next_read():
    dut = CodeMemory(config=PRESETS["tiny"])

    async def testbench(ctx):
        ctx.set(dut.write.valid, 1)
        for addr, code in enumerate([11, -12]):
            ctx.set(dut.write.payload, {"slot": 0, "addr": addr, "code": code})
            await ctx.tick()
        ctx.set(dut.write.valid, 0)
        ctx.set(dut.read.en, 1)
        await ctx.tick()
        ctx.set(dut.read.en, 0)
        ctx.set(dut.read.addr, 1)
        await ctx.tick().repeat(5)
        assert plain(ctx.get(dut.read.data)) == [11]

    simulate(dut, testbench)


def test_converts():
    dut = CodeMemory(config=PRESETS["ulx3s"])
    # A constant, such as the ready of a stream that never stalls, cannot be a port.
    ports = [dut.write.payload.as_value(), dut.write.valid, dut.read.addr, dut.read.en,
             dut.read.data.as_value()]
    assert rtlil.convert(dut, ports=ports).count("memory width 8 size 2048") == 1
