"""CreditQueue behind a pipeline of any length, against a list."""

from random import Random

import pytest

from bench import latency, simulate
from trine.hw.credit_queue import CreditQueue


def through_pipeline(stages, payloads, *, source_stall, sink_stall):
    """Begin payloads that arrive ``stages`` clocks later; return what leaves, and when."""
    dut = CreditQueue(8)
    left, rng = [], Random(f"{stages} {source_stall} {sink_stall}")

    async def bench(ctx):
        waiting, pipeline = list(payloads), [None] * stages
        clock = most = 0
        offered = None
        while len(left) < len(payloads):
            begin = bool(waiting) and ctx.get(dut.room) and rng.random() >= source_stall
            pipeline.append(waiting.pop(0) if begin else None)
            arriving = pipeline.pop(0)
            ready = rng.random() >= sink_stall
            ctx.set(dut.begin, begin)
            ctx.set(dut.i.valid, arriving is not None)
            ctx.set(dut.i.payload, arriving or 0)
            ctx.set(dut.o.ready, ready)
            outstanding = len(payloads) - len(waiting) - begin - len(left)
            most = max(most, outstanding)
            assert ctx.get(dut.empty) == (outstanding == 0)
            valid, payload = ctx.get(dut.o.valid), ctx.get(dut.o.payload)
            assert offered is None or (valid and payload == offered)
            offered = payload if valid and not ready else None
            if valid and ready:
                left.append((clock, payload))
            await ctx.tick()
            clock += 1
            assert clock < 40 * len(payloads) + 100
        await ctx.tick()
        assert ctx.get(dut.empty) and not ctx.get(dut.o.valid)
        assert most <= dut.depth
        # The sink's stalls do reach the source's limit.
        assert most > 8 or sink_stall < 0.5

    simulate(dut, bench)
    return left


@pytest.mark.parametrize("stages", [0, 1, 2, 5])
@pytest.mark.parametrize("source_stall, sink_stall", [(0.0, 0.5), (0.5, 0.5), (0.0, 0.9),
                                                      (0.8, 0.1)])
def test_keeps_every_payload_in_order(stages, source_stall, sink_stall):
    payloads = [pow(7, n, 251) for n in range(400)]
    left = through_pipeline(stages, payloads, source_stall=source_stall, sink_stall=sink_stall)
    assert [payload for _, payload in left] == payloads


@pytest.mark.parametrize("stages", [0, 2, 5])
def test_one_payload_a_clock(stages):
    left = through_pipeline(stages, range(200), source_stall=0.0, sink_stall=0.0)
    assert left == [(n + stages + CreditQueue.latency, n) for n in range(200)]


def test_latency():
    assert latency(CreditQueue(8), 1) == CreditQueue.latency
