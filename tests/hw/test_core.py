"""Core: the whole machine, on Verilator, against the golden machine (bench_core.py)."""

import dataclasses
from pathlib import Path

import pytest

from cocotb_support import run_bench
from conversion import convert
from trine.firmware.config import preset
from trine.hw.core import Core
from trine.sim.board_gateware import BoardGateware

BENCH = Path(__file__).with_name("bench_core.py")


@pytest.mark.parametrize("changes, tapes", [
    pytest.param({}, 6, id="tiny"),
    # More lanes than an instruction word has trits, wide beats, several slots.
    pytest.param({"slots": 3, "lanes": 25, "memory_bytes": 8}, 4, id="three slots"),
    pytest.param({"lanes": 20, "vector_lanes": 2}, 4, id="two vector lanes"),
    pytest.param({"slots": 2, "lanes": 20, "vector_lanes": 4}, 4, id="four vector lanes"),
    # As `onchip`: groups of lanes, a beat for a step, a memory of banks that is no power of two.
    pytest.param({"lanes": 60, "vector_lanes": 4, "memory_bytes": 16, "burst_beats": 4,
                  "memory_size": 3 << 15}, 4, id="wide"),
])
def test_on_verilator(changes, tapes):
    config = preset("tiny").replace(**{"memory_size": 1 << 16} | changes)
    run_bench(BENCH, BoardGateware(config=config), top="simulated_board",
              values={"config": dataclasses.asdict(config), "tapes": tapes})


def test_converts():
    convert(Core(config=preset("ulx3s")))
