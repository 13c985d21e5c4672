"""Whole tokens of the shipped model on core, controller and SDRAM chip (bench_shipped_model.py)."""

import dataclasses
from pathlib import Path

from cocotb_support import run_bench
from trine.firmware.config import preset
from trine.sim import sdram_chip
from trine.sim.board_gateware import BoardGateware

BENCH = Path(__file__).with_name("bench_shipped_model.py")


def test_on_verilator():
    config = preset("ulx3s")
    chip = {"sdram_chip.v": Path(sdram_chip.__file__).with_suffix(".v").read_text()}
    run_bench(BENCH, BoardGateware(config=config), sources=chip, top="simulated_board",
              values={"config": dataclasses.asdict(config)})
