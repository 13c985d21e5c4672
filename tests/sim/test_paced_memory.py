"""The memory of which only the rate is known, on the simulated board."""

from pathlib import Path

import pytest

from checkpoints import tiny_model
from cocotb_support import run_bench
from trine.firmware.compiler import compile_image
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.memory_check import check_memory
from trine.host.simulated import SimulatedTransport
from trine.host.timing_check import compare
from trine.hw.memory.arbiter import BurstArbiter
from trine.sim.board_gateware import BoardGateware
from trine.sim.golden.machine import Machine
from trine.sim.paced_memory import SOURCE, PacedMemory

#: As preset `ecpix-5`, small; memory is larger than block RAM may be.
CONFIG = preset("ecpix-5").replace(
    name="paced", lanes=20, memory_size=1 << 21, fifo_bytes=1024, vector_words=512,
    constant_words=1024, state_words=128, code_words=128, max_cols=128)


@pytest.fixture(scope="module")
def transport():
    with SimulatedTransport(CONFIG) as transport:
        yield transport


def test_tokens_equal_golden_and_cycles_are_predicted(transport):
    board = Board(transport, "assumed")
    image = compile_image(tiny_model(), board.config)
    board.upload(image)
    result = compare(board, CONFIG, 10)

    # Where in a row of bursts the run begins is unknown.
    assert abs(result.error) < 0.001 and transport.violations == 0
    machine = Machine(CONFIG, image.data)
    machine.play(image.tapes["load"])
    token = 0
    for got, crc in board.sampled(0, 10):
        (token,) = machine.play(image.tapes["token"], [token])
        assert (got, crc) == (token, machine.slots[0].sampler.crc)


def test_holds_what_was_written(transport):
    assert check_memory(Board(transport, "assumed"), size=1 << 18).errors == 0


def test_back_door_and_what_nobody_wrote():
    with SimulatedTransport(CONFIG) as transport:
        board = Board(transport, "assumed")
        image = compile_image(tiny_model(), board.config)
        transport.load(image.data)
        board.adopt(image)
        before = transport.violations
        assert board.connection.memory_read(0, 64) == image.data[:64]
        assert transport.violations == before
        board.connection.memory_read(1 << 20, 64)
        assert transport.violations == before + 8


def test_on_verilator():
    """Streams, pauses and latency: bench_paced_memory.py."""
    dut = PacedMemory(beat_bytes=8, size=1 << 14)
    run_bench(Path(__file__).with_name("bench_paced_memory.py"), dut, top="paced",
              sources={SOURCE.name: SOURCE.read_text()},
              values={"addr_width": dut.addr_width, "row": dut.row, "pause": dut.pause,
                      "latency": BurstArbiter.request_latency + dut.latency
                      + BurstArbiter.beat_latency})


def test_rate():
    beats = 8 * PacedMemory.row
    assert beats / (beats + PacedMemory.pause) == pytest.approx(0.93, abs=0.001)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="a wider memory of a power of two, not 3145728 bytes"):
        BoardGateware(config=CONFIG.replace(memory_size=3 << 20))
