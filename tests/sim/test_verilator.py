"""The path from Amaranth through Verilator to a board in a shared library, on a small board."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from trine.hw.flow.cache import cache_folder, digest, stored
from trine.hw.flow.tools import BuildError
from trine.hw.flow.verilog import to_verilog
from trine.sim.compiler import find_compiler
from trine.sim.simulated import HARNESS, SimulatedBoard
from trine.sim.verilator import build


class Echo(wiring.Component):
    """Sends every byte back, plus one; counts bytes of 255 as violations."""

    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))
    violations: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.rx.ready.eq(self.tx.ready | ~self.tx.valid)
        with m.If(self.rx.ready):
            m.d.sync += self.tx.valid.eq(self.rx.valid)
            m.d.sync += self.tx.payload.eq(self.rx.payload + 1)
        with m.If(self.rx.valid & self.rx.ready & (self.rx.payload == 255)):
            m.d.sync += self.violations.eq(self.violations + 1)
        return m


def build_echo(**options):
    return build({"echo.v": to_verilog(Echo(), name="simulated_board")}, [HARNESS],
                 top="simulated_board", **options)


@pytest.fixture(scope="module")
def library():
    return build_echo()


def test_bytes_pass(library):
    data = bytes(range(256)) * 3
    with SimulatedBoard(library) as board:
        board.write(data)
        assert board.pending == len(data) and board.cycles == 0
        assert board.read(len(data), max_cycles=10_000) == bytes((n + 1) & 255 for n in data)
        assert board.cycles == len(data) + 1  # one byte a cycle, one cycle of latency
        assert board.violations == 3
        assert board.pending == board.available == 0


def test_read_gives_up(library):
    with SimulatedBoard(library) as board:
        board.write(b"ab")
        assert board.read(3, max_cycles=1000) == b"bc"
        assert board.cycles == 1000
        assert board.read(1, max_cycles=0) == b""


def test_run_stops_at_output(library):
    with SimulatedBoard(library) as board:
        board.write(b"abc")
        assert board.run(1000, until_available=2) == 3
        assert board.available == 2
        assert board.run(500_000) == 500_000
        assert board.read(2, max_cycles=0) == b"bc"
        assert board.cycles_per_second > 0


def test_boards_are_independent(library):
    with SimulatedBoard(library) as one, SimulatedBoard(library) as two:
        one.write(b"\xff")
        one.run(5)
        two.run(3)
        assert (one.violations, two.violations, one.cycles, two.cycles) == (1, 0, 5, 3)


def test_closed_board(library):
    board = SimulatedBoard(library)
    board.close()
    board.close()
    with pytest.raises(ValueError, match=r"The simulated board is closed\."):
        board.run(1)


def test_library_is_kept(library):
    progress = []
    assert build_echo(progress=lambda *args: progress.append(args)) == library
    assert not progress


def test_waveforms(library, tmp_path):
    with SimulatedBoard(library) as board, pytest.raises(ValueError, match="without waveforms"):
        board.trace(tmp_path / "board.vcd")

    with SimulatedBoard(build_echo(trace=True)) as board:
        with pytest.raises(OSError, match="cannot be written"):
            board.trace(tmp_path / "missing" / "board.vcd")
        board.trace(tmp_path / "board.vcd", first=100, last=109)
        board.run(200)
    text = (tmp_path / "board.vcd").read_text()
    assert "rx__payload" in text
    times = [int(line[1:]) for line in text.splitlines() if line.startswith("#")]
    assert min(times) == 1000 and max(times) == 1095


def test_ctrl_c_leaves_the_board_whole(library):
    # A test run in the background may have been told to ignore Ctrl-C, and hands that on.
    script = f"""
import signal
from trine.sim.simulated import SimulatedBoard
signal.signal(signal.SIGINT, signal.default_int_handler)
board = SimulatedBoard({str(library)!r})
try:
    print("ready", flush=True)
    board.run(10**12)
except KeyboardInterrupt:
    cycles = board.cycles
    board.write(b"a")
    print(cycles > 0 and board.read(1, max_cycles=10) == b"b", flush=True)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        threading.Timer(0.3, process.send_signal, [signal.SIGINT]).start()
        assert process.stdout.readline() == "True\n"
    assert process.returncode == 0


def test_constant_and_empty_ports_are_left_out():
    class Sink(wiring.Component):
        i: In(stream.Signature(8, always_ready=True))
        slot: In(0)

        def elaborate(self, platform):
            return Module()

    text = to_verilog(Sink(), name="sink")
    assert "i__payload" in text and "i__ready" not in text and "slot" not in text


def test_broken_verilog_is_one_sentence():
    with pytest.raises(BuildError, match=r"^Verilator failed on the Verilog of top: its output is"
                                         r" in .*\.log\.$") as caught:
        build({"top.v": "module top(; endmodule"}, [HARNESS], top="top")
    log = Path(str(caught.value).split(" in ")[1][:-1])
    assert "syntax error" in log.read_text()


def test_broken_harness_is_one_sentence(tmp_path, library):
    (tmp_path / "harness.cpp").write_text("this is not C++")
    with pytest.raises(BuildError, match=r"^The C\+\+ compiler \(.*\) failed on simulated_board:"):
        build({"echo.v": to_verilog(Echo(), name="simulated_board")}, [tmp_path / "harness.cpp"],
              top="simulated_board")


def test_no_compiler_is_one_sentence(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r"^No C\+\+ compiler found .* ziglang`\.$"):
        find_compiler.__wrapped__()


def test_progress_is_reported(library, monkeypatch, tmp_path):
    (tmp_path / "runtime").symlink_to(cache_folder() / "runtime")  # saves time
    monkeypatch.setenv("TRINE_CACHE_DIR", str(tmp_path))
    progress = []
    library = build_echo(progress=lambda *args: progress.append(args))
    assert library.is_relative_to(tmp_path)
    assert {text for text, _, _ in progress} == {"translating", "compiling"}
    assert progress[-1][1] == progress[-1][2]
    assert [path.name for path in library.parent.iterdir()] == [library.name]


class TestCache:
    def test_folder(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("TRINE_CACHE_DIR", raising=False)
        assert cache_folder() == tmp_path / "trine"

    def test_made_once(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TRINE_CACHE_DIR", str(tmp_path))
        made = []

        def make(folder):
            made.append(folder)
            (folder / "it").write_text("x")

        assert stored("kind", "key", make) == stored("kind", "key", make) == tmp_path / "kind/key"
        assert len(made) == 1 and (tmp_path / "kind/key/it").read_text() == "x"

    def test_nothing_is_left_of_a_failure(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TRINE_CACHE_DIR", str(tmp_path))

        def make(folder):
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            stored("kind", "key", make)
        assert not [path for path in (tmp_path / "kind").iterdir() if path.is_dir()]

    def test_unwritable_is_one_sentence(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("TRINE_CACHE_DIR", str(tmp_path / "file"))
        with pytest.raises(OSError, match=r"cannot be written .* set TRINE_CACHE_DIR"):
            stored("kind", "key", lambda folder: None)

    def test_digest_knows_where_parts_end(self):
        assert digest("ab", "c") != digest("a", "bc")
