"""The memory port reads, writes and sums up pieces of memory."""

import zlib
from random import Random

import pytest
from amaranth.back import rtlil

from bench import run, transfers
from link_bench import LoggingBoard, memory_behind
from trine.hw.link.memory_port import MemoryAction, MemoryPort

SIZE = 4096


def scenario(rng, memory, beat_bytes):
    runs, written, read = [], b"", b""
    for length, action in [(16, "WRITE"), (16, "READ"), (16, "SUM"), (80, "READ"), (48, "SUM"),
                           (1024, "WRITE"), (16, "WRITE"), (16, "SUM"), (1024, "READ"),
                           (1056, "SUM"), (4096, "SUM"), (64, "READ")]:
        at = 16 * rng.randrange((SIZE - length) // 16 + 1)
        runs.append({"addr": at // beat_bytes, "beats": length // beat_bytes,
                     "action": MemoryAction[action]})
        match action:
            case "WRITE":
                data = rng.randbytes(length)
                written += data
                memory[at:at + length] = data
            case "READ":
                read += memory[at:at + length]
            case "SUM":
                read += zlib.crc32(memory[at:at + length]).to_bytes(4, "little")
    return runs, written, read


@pytest.mark.parametrize("beat_bytes, stall", [(1, 0.0), (2, 0.0), (2, 0.3), (8, 0.3)])
def test_matches_zlib_and_memory(beat_bytes, stall):
    golden, board = LoggingBoard(memory_size=SIZE), LoggingBoard(memory_size=SIZE)
    runs, written, read = scenario(Random(10), golden.memory, beat_bytes)
    dut = MemoryPort(beat_bytes=beat_bytes, addr_width=12)

    outputs = run(dut, {"command": runs, "i": list(written)}, {"o": len(read)}, stall=stall,
                  patience=9000, background=[memory_behind(
                      dut.memory, board, beat_bytes=beat_bytes, burst_beats=16 // beat_bytes,
                      stall=stall)])

    assert bytes(outputs["o"]) == read
    assert board.memory == golden.memory


def test_rates():
    board = LoggingBoard(memory_size=SIZE)
    dut = MemoryPort(beat_bytes=2, addr_width=11)
    runs = [{"addr": 0, "beats": 128, "action": MemoryAction.READ},
            {"addr": 0, "beats": 128, "action": MemoryAction.WRITE}]

    moved = transfers(dut, {"command": runs, "i": bytes(256)}, {"o": 256}, stall=0.0,
                      background=[memory_behind(dut.memory, board, beat_bytes=2, burst_beats=8,
                                                stall=0.0)])

    # A beat of two bytes waits a clock for the next one when it is read.
    assert moved["o"][-1][0] - moved["o"][0][0] == 127 * 3 + 1
    assert moved["i"][-1][0] - moved["i"][0][0] <= 256 + 2


@pytest.mark.parametrize("beat_bytes", [0, 3, 128])
def test_rejects(beat_bytes):
    with pytest.raises(ValueError, match=f"power of two of bytes, 1 to 64, not {beat_bytes}"):
        MemoryPort(beat_bytes=beat_bytes, addr_width=8)


def test_converts():
    rtlil.convert(MemoryPort(beat_bytes=2, addr_width=20))
