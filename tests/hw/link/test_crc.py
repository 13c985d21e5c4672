"""CRC32 against zlib."""

import zlib
from random import Random

from amaranth.back import rtlil

from bench import simulate
from trine.hw.link.crc import CRC32


def test_matches_zlib():
    rng = Random(3)
    dut = CRC32()

    async def testbench(ctx):
        for length in (0, 1, 2, 5, 40):
            data = rng.randbytes(length)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for byte in data:
                if rng.random() < 0.3:
                    await ctx.tick()
                ctx.set(dut.data, byte)
                ctx.set(dut.en, 1)
                await ctx.tick()
                ctx.set(dut.en, 0)
            checksum = []
            for _ in range(4):
                checksum.append(ctx.get(dut.byte))
                ctx.set(dut.shift, 1)
                await ctx.tick()
                ctx.set(dut.shift, 0)
            assert bytes(checksum) == zlib.crc32(data).to_bytes(4, "little")

    simulate(dut, testbench)


def test_knows_data_with_their_checksum():
    data = b"ternary"
    dut = CRC32()
    matches = []

    async def testbench(ctx):
        ctx.set(dut.en, 1)
        for byte in data + zlib.crc32(data).to_bytes(4, "little") + b"\0":
            ctx.set(dut.data, byte)
            await ctx.tick()
            matches.append(ctx.get(dut.match))

    simulate(dut, testbench)
    assert matches == [0] * (len(data) + 3) + [1, 0]


def test_converts():
    rtlil.convert(CRC32(), name="crc")
