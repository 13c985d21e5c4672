"""Fifo against a list."""

import pytest
from amaranth.back import rtlil

from bench import latency, run, simulate, transfers
from trine.hw.fifo import Fifo


def beats(count, beat_bytes, seed=1):
    return [pow(7, n + seed, 65521) & ((1 << 8 * beat_bytes) - 1) for n in range(count)]


def pack(beats, beat_bytes, per_word):
    return [sum(beat << 8 * beat_bytes * n for n, beat in enumerate(beats[start:start + per_word]))
            for start in range(0, len(beats) - per_word + 1, per_word)]


@pytest.mark.parametrize("beat_bytes, word_bytes", [(2, 4), (2, 2), (1, 4), (2, 16)])
@pytest.mark.parametrize("stall", [{}, {"i": 0.5, "o": 0.5}, {"i": 0.1, "o": 0.8}, {"i": 0.8}])
def test_keeps_every_beat(beat_bytes, word_bytes, stall):
    inputs = beats(600, beat_bytes)
    expected = pack(inputs, beat_bytes, word_bytes // beat_bytes)

    outputs = run(Fifo(beat_bytes=beat_bytes, word_bytes=word_bytes, size=16 * word_bytes),
                  inputs, len(expected), stall=stall)

    assert outputs == expected


@pytest.mark.parametrize("word_bytes", [2, 4])
def test_full_rate(word_bytes):
    moved = transfers(Fifo(beat_bytes=2, word_bytes=word_bytes, size=64 * word_bytes),
                      {"i": beats(400, 2)}, {"o": 800 // word_bytes}, stall=0.0)

    taken = [cycle for cycle, _ in moved["i"]]
    assert taken == list(range(taken[0], taken[0] + 400))
    given = [cycle for cycle, _ in moved["o"]]
    assert given == list(range(given[0], given[0] + 400, word_bytes // 2))


def test_full_rate_out_of_a_full_fifo():
    # The block RAM holds all but 3 words, and the queue 9; then the words leave one a clock.
    held = []

    async def fill_then_drain(ctx):
        ctx.set(dut.i.valid, 1)
        for _ in range(300):
            ctx.set(dut.i.payload, len(held))
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            if ready:
                held.append(len(held))
        ctx.set(dut.i.valid, 0)
        ctx.set(dut.o.ready, 1)
        for expected in held:
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert (valid, payload) == (1, expected)

    dut = Fifo(beat_bytes=2, word_bytes=2, size=256)
    simulate(dut, fill_then_drain)
    assert len(held) >= 128 - 3 + 9


@pytest.mark.parametrize("word_bytes", [2, 4])
def test_latency(word_bytes):
    dut = Fifo(beat_bytes=2, word_bytes=word_bytes, size=256)
    assert latency(dut, beats(word_bytes // 2, 2)) == dut.latency


def test_rejects_bad_sizes():
    with pytest.raises(ValueError, match="Word must be a whole number of 2-byte beats, "
                                         "not 3 bytes"):
        Fifo(beat_bytes=2, word_bytes=3, size=256)
    with pytest.raises(ValueError, match="FIFO size must be a power of two of 4-byte words, 8 or "
                                         "more, not 24 bytes"):
        Fifo(beat_bytes=2, word_bytes=4, size=24)


def test_converts():
    rtlil.convert(Fifo(beat_bytes=2, word_bytes=4, size=16384), name="top")
