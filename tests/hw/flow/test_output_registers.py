"""Registers behind block RAMs, moved into them. That the netlist does the same: test_netlist.py."""

from copy import deepcopy

import pytest

from trine.hw.flow.output_registers import use_output_registers


def register(d, q, **changes):
    cell = {
        "type": "TRELLIS_FF",
        "parameters": {"CLKMUX": "CLK", "CEMUX": "1 ", "REGSET": "RESET", "LSRMUX": "LSR"},
        "port_directions": {"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"},
        "connections": {"CLK": [2], "DI": [d], "LSR": ["0"], "Q": [q]},
    }
    for part, new in changes.items():
        cell[part] |= new
    return cell


def netlist():
    ram = {
        "type": "DP16KD", "parameters": {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG"},
        "port_directions": {"CLKB": "input", "CEB": "input", "OCEB": "input", "RSTB": "input",
                            "DOB0": "output", "DOB1": "output", "DOB2": "output"},
        "connections": {"CLKB": [2], "CEB": ["1"], "OCEB": ["1"], "RSTB": ["0"],
                        "DOB0": [10], "DOB1": [11], "DOB2": [12]},
    }
    user = {"type": "LUT4", "parameters": {}, "port_directions": {"A": "input", "B": "input"},
            "connections": {"A": [20], "B": [21]}}
    return {"modules": {"top": {"ports": {"clk": {"bits": [2]}}, "cells": {
        "ram": ram, "low": register(10, 20), "high": register(11, 21), "user": user}}}}


def test_registers_move_into_the_block_ram():
    design = netlist()

    assert use_output_registers(design) == 2
    cells = design["modules"]["top"]["cells"]
    assert sorted(cells) == ["ram", "user"]
    assert cells["ram"]["parameters"] == {"REGMODE_A": "NOREG", "REGMODE_B": "OUTREG"}
    # What nobody reads stays as it is.
    assert [cells["ram"]["connections"][f"DOB{n}"] for n in range(3)] == [[20], [21], [12]]
    # Once is enough.
    assert use_output_registers(design) == 0


@pytest.mark.parametrize("cell, part, change", [
    ("low", "parameters", {"CEMUX": "CE"}),
    ("low", "parameters", {"CLKMUX": "INV"}),
    ("low", "parameters", {"REGSET": "SET"}),
    ("low", "connections", {"LSR": [30]}),
    ("low", "connections", {"CLK": [3]}),
    ("low", "type", None),
    ("ram", "parameters", {"DATA_WIDTH_B": f"{36:032b}"}),
    ("ram", "connections", {"CEB": [31]}),
    ("ram", "connections", {"OCEB": ["0"]}),
    ("ram", "connections", {"RSTB": [32]}),
    ("user", "connections", {"A": [10]}),
    ("user", "connections", {"A": [12]}),
])
def test_nothing_moves_that_would_change_the_design(cell, part, change):
    design = netlist()
    cells = design["modules"]["top"]["cells"]
    if change is None:
        cells[cell][part] = "LUT4"
    else:
        cells[cell][part] |= change
    before = deepcopy(design)

    assert use_output_registers(design) == 0
    assert design == before


def test_a_port_of_the_design_is_a_reader():
    design = netlist()
    design["modules"]["top"]["ports"]["o"] = {"bits": [10]}

    assert use_output_registers(design) == 0
