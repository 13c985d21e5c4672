"""The frame receiver hands on whole frames, all of them and nothing else."""

import zlib
from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate, stream_get, stream_put, transfers
from trine.firmware.protocol import BODY_MAX
from trine.hw.link.frame_receiver import FrameReceiver


def tokens(body, *, cut=0):
    return [*({"data": byte, "end": 0, "cut": 0} for byte in body),
            {"data": 0, "end": 1, "cut": cut}]


def sealed(body):
    return body + zlib.crc32(body).to_bytes(4, "little")


def flipped(body, bit):
    body = bytearray(body)
    body[bit // 8] ^= 1 << bit % 8
    return bytes(body)


def scenario(rng):
    """Return the input, the bodies that pass and the number of those that do not."""
    inputs, passed, dropped = [], [], 0
    for n in range(60):
        body = rng.randbytes(rng.choice([2, 2, 3, 8, 40]))
        match n % 6:
            case 1:
                inputs += tokens(flipped(sealed(body), rng.randrange(8 * len(body) + 32)))
            case 2:
                inputs += tokens(sealed(body), cut=1)
            case 4:
                inputs += tokens(sealed(body[:1]))
            case _:
                inputs += tokens(sealed(body))
                passed.append(body)
                continue
        dropped += 1
    return inputs, passed, dropped


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_passes_whole_frames_only(stall):
    inputs, passed, dropped = scenario(Random(5))
    dut = FrameReceiver()
    seen = []

    async def watch(ctx):
        async for _, _, count in ctx.tick().sample(dut.dropped):
            seen.append(count)

    moved = transfers(dut, {"i": inputs},
                      {"frame": len(passed), "bytes": sum(map(len, passed))},
                      stall=stall, background=[watch])

    assert [length for _, length in moved["frame"]] == [len(body) for body in passed]
    assert bytes(byte for _, byte in moved["bytes"]) == b"".join(passed)
    assert seen[-1] == dropped


def test_longest_frame_and_longer_ones():
    rng = Random(6)
    longest = rng.randbytes(BODY_MAX - 4)
    inputs = [*tokens(sealed(rng.randbytes(BODY_MAX - 3))), *tokens(sealed(longest)),
              *tokens(sealed(rng.randbytes(3 * BODY_MAX))), *tokens(sealed(b"ok"))]

    moved = transfers(FrameReceiver(), {"i": inputs}, {"frame": 2, "bytes": len(longest) + 2},
                      stall=0.0)

    assert bytes(byte for _, byte in moved["bytes"]) == longest + b"ok"


def test_two_frames_wait_without_back_pressure():
    """The input never stalls until two whole frames wait; then it does, and nothing is lost."""
    bodies = [b"first one", b"second", b"third"]
    stalled_at = None
    dut = FrameReceiver()
    read = []

    async def source(ctx):
        nonlocal stalled_at
        for token in [token for body in bodies for token in tokens(sealed(body))]:
            ctx.set(dut.i.payload, token)
            ctx.set(dut.i.valid, 1)
            clocks = 1
            while not (await ctx.tick().sample(dut.i.ready))[2]:
                clocks += 1
            # The clock after a frame's end is spent on the verdict.
            if clocks > 2 and stalled_at is None:
                stalled_at = token["data"]
        ctx.set(dut.i.valid, 0)

    async def sink(ctx):
        await ctx.tick().repeat(100)
        for _ in bodies:
            length = await stream_get(ctx, dut.frame)
            read.append(bytes([await stream_get(ctx, dut.bytes) for _ in range(length)]))

    simulate(dut, source, sink)

    assert read == bodies
    assert stalled_at == bodies[2][0]


def test_latency_and_saturation():
    dut = FrameReceiver()
    counts = []

    async def testbench(ctx):
        for token in tokens(sealed(b"ab")):
            await stream_put(ctx, dut.i, token)
        clocks = 1
        while not ctx.get(dut.frame.valid):
            await ctx.tick()
            clocks += 1
        assert clocks == dut.latency
        for count in (0xfffe, 0xffff, 0xffff):
            ctx.set(dut.dropped, count)
            await stream_put(ctx, dut.i, {"data": 0, "end": 1, "cut": 0})
            await ctx.tick().repeat(2)
            counts.append(ctx.get(dut.dropped))

    simulate(dut, testbench)
    assert counts == [0xffff, 0xffff, 0xffff]


def test_converts():
    rtlil.convert(FrameReceiver())
