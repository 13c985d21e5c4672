"""The register port moves words between bytes and the bus."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import run
from link_bench import LoggingBoard, registers_behind
from trine.hw.link.register_port import RegisterPort


def scenario(rng, golden):
    runs, written, read = [], b"", b""
    for count in (1, 2, 5, 1, 256, 3):
        for write in (0, 1):
            keep, addr = rng.randrange(2), rng.randrange(1 << 19)
            runs.append({"addr": addr, "count": count, "keep": keep, "write": write})
            for n in range(count):
                at = addr if keep else addr + n
                if write:
                    word = rng.randbytes(4)
                    written += word
                    golden.write_register(at, int.from_bytes(word, "little"))
                else:
                    read += golden.read_register(at).to_bytes(4, "little")
    return runs, written, read


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_reads_and_writes_runs(stall):
    golden, board = LoggingBoard(), LoggingBoard()
    runs, written, read = scenario(Random(9), golden)
    dut = RegisterPort()

    outputs = run(dut, {"command": runs, "i": list(written)}, {"o": len(read)}, stall=stall,
                  background=[registers_behind(dut.bus, board, stall=stall)])

    assert bytes(outputs["o"]) == read
    assert board.accesses == golden.accesses


def test_converts():
    rtlil.convert(RegisterPort())
