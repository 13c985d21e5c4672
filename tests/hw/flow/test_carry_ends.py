"""Ends of carry chains, cut. That the netlist does the same: test_netlist.py."""

from copy import deepcopy

import pytest

from trine.hw.flow.carry_ends import cut_carry_ends


def half(number, a, b, c, d):
    return {f"{pin}{number}": [bit] for pin, bit in zip("ABCD", (a, b, c, d))}


def cell(carry_in, carry_out, sums, *halves, init=0x9A6A):
    """Return a CCU2C: by default the halves of an accumulate unit."""
    connections = {"CIN": [carry_in], "COUT": [carry_out], "S0": [sums[0]], "S1": [sums[1]]}
    for number, inputs in enumerate(halves):
        connections |= half(number, *inputs)
    outputs = ("COUT", "S0", "S1")
    return {
        "type": "CCU2C", "parameters": {"INIT0": f"{init:016b}", "INIT1": f"{init:016b}"},
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in connections},
        "connections": connections,
    }


def netlist():
    """Two cells: the lowest half of the first carries bit 2 in, and bits 11 to 13 are the sum."""
    first = cell("0", 20, (10, 11), (2, 2, "1", "0"), (3, 4, 5, 2))
    second = cell(20, 21, (12, 13), (6, 7, 5, 2), (8, 9, 5, 2))
    ports = {"o": {"bits": [11, 12, 13]}}
    return {"modules": {"top": {"ports": ports, "cells": {"first": first, "second": second}}}}


def test_both_ends_are_cut():
    design = netlist()
    first, second = design["modules"]["top"]["cells"].values()

    assert cut_carry_ends(design) == 2
    assert first["connections"]["CIN"] == second["connections"]["COUT"] == ["x"]
    assert first["connections"]["COUT"] == second["connections"]["CIN"] == [20]
    # Once is enough.
    assert cut_carry_ends(design) == 0


@pytest.mark.parametrize("change", [
    {"A0": [3]},      # A and B may differ: then P is 1, and the carry passes
    {"C0": ["0"], "A0": ["1"], "B0": ["1"]},
    {"CIN": [30]},
])
def test_a_carry_that_matters_stays(change):
    design = netlist()
    pins = design["modules"]["top"]["cells"]["first"]["connections"]
    pins |= change

    assert cut_carry_ends(design) == 1
    assert pins["CIN"] == change.get("CIN", ["0"])


@pytest.mark.parametrize("bit, cut", [(10, 1), (21, 1), (11, 2)])
def test_what_is_read_stays(bit, cut):
    for_port, for_cell = netlist(), netlist()
    for_port["modules"]["top"]["ports"]["more"] = {"bits": [bit]}
    for_cell["modules"]["top"]["cells"]["reader"] = {
        "type": "LUT4", "port_directions": {"A": "input"}, "connections": {"A": [bit]}}

    assert cut_carry_ends(for_port) == cut_carry_ends(for_cell) == cut


def test_other_cells_are_left_alone():
    design = netlist()
    for each in design["modules"]["top"]["cells"].values():
        each["type"] = "OTHER"
    before = deepcopy(design)

    assert cut_carry_ends(design) == 0
    assert design == before
