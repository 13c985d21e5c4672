"""The register bus decoder: every access goes to its range, and only there."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import run
from link_bench import LoggingBoard, registers_behind
from trine.hw.link.bus import BusDecoder

RANGES = {"low": (0, 16), "one": (0x21, 1), "high": (0x80000, 0x80000)}


def scenario(rng):
    requests, words, logs = [], [], {name: LoggingBoard() for name in RANGES}
    for _ in range(80):
        addr = rng.choice([rng.randrange(20), 0x20, 0x21, 0x22, 0x7ffff, 0x80000, 0xfffff,
                           rng.randrange(1 << 20)])
        write, data = rng.randrange(2), rng.randrange(1 << 32)
        requests.append({"addr": addr, "write": write, "data": data})
        word = 0
        for name, (first, size) in RANGES.items():
            if first <= addr < first + size:
                if write:
                    logs[name].write_register(addr - first, data)
                else:
                    word = logs[name].read_register(addr - first)
        if not write:
            words.append(word)
    return requests, words, logs


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_divides_by_address(stall):
    requests, words, logs = scenario(Random(8))
    dut = BusDecoder(RANGES)
    boards = {name: LoggingBoard() for name in RANGES}

    outputs = run(dut, {"bus.request": requests}, {"bus.reply": len(words)}, stall=stall,
                  background=[registers_behind(getattr(dut, name), board, stall=stall)
                              for name, board in boards.items()])

    assert outputs["bus.reply"] == words
    assert {name: board.accesses for name, board in boards.items()} == \
        {name: board.accesses for name, board in logs.items()}


@pytest.mark.parametrize("ranges, message", [
    ({"a": (0, 3)}, "'a' must have a power of two as its size"),
    ({"a": (0, 0)}, "'a' must have a power of two as its size"),
    ({"a": (4, 8)}, "begin at a multiple of it, not 0x4 and 0x8"),
    ({"a": (1 << 20, 4)}, "'a' must have a power of two"),
    ({"a": (0, 8), "b": (4, 4)}, "Address ranges 'a' and 'b' overlap"),
])
def test_rejects(ranges, message):
    with pytest.raises(ValueError, match=message):
        BusDecoder(ranges)


def test_converts():
    rtlil.convert(BusDecoder(RANGES))
