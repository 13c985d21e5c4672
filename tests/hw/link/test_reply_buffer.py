"""The reply buffer sends what it keeps, as often as it is asked to."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import simulate, stream_put
from trine.hw.link.reply_buffer import ReplyBuffer


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_keeps_and_sends(stall):
    rng, sink_rng = Random(11), Random(12)
    dut = ReplyBuffer()
    expected, outputs = [], []

    def reply(seq, status, byte, *, has_byte, has_payload, payload):
        body = bytes((seq, status)) + (payload if has_payload else b"")
        body += bytes((byte,)) if has_byte else b""
        expected.extend((byte, int(n == len(body) - 1)) for n, byte in enumerate(body))
        return {"seq": seq, "status": status, "byte": byte, "has_byte": has_byte,
                "has_payload": has_payload}

    async def source(ctx):
        for length in (0, 1, 3, 40, 1024, 2):
            payload = rng.randbytes(length)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for byte in payload:
                await stream_put(ctx, dut.i, byte)
            for has_byte, has_payload in [(0, 1), (0, 0), (1, 0), (0, 1)]:
                if has_payload and length > 100 and rng.random() < 0.5:
                    continue
                await stream_put(ctx, dut.reply, reply(
                    *rng.choices(range(256), k=3), has_byte=has_byte, has_payload=has_payload,
                    payload=payload))
            await ctx.tick().until(dut.reply.ready)

    async def sink(ctx):
        offered = None
        while True:
            ready = sink_rng.random() >= stall
            ctx.set(dut.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert offered is None or (valid and payload == offered), "stream rule 2 broken"
            offered = payload if valid and not ready else None
            if valid and ready:
                outputs.append((payload.data, payload.last))

    simulate(dut, source, background=[sink])

    assert outputs == expected


def test_converts():
    rtlil.convert(ReplyBuffer())
