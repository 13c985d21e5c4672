"""The estimate of watts: formula, order, what moves it, a meter's reading, `trine power`."""

import importlib.util
import json
from pathlib import Path

import pytest

from checkpoints import TINY_PATH, tiny_model
from trine.firmware.config import preset
from trine.firmware.registers import Counter
from trine.host.board import Counters
from trine.host.cli import main
from trine.host.meter import ACCURACY, Reading, forget_reading, load_reading, store_reading
from trine.host.power import (
    COEFFICIENTS,
    Shares,
    Watts,
    coefficients_of,
    estimate,
    estimate_board,
    read_placed,
    resources_for,
    shares_of,
)
from trine.host.report import Report
from trine.hw.boards import boards, find_board

CASE = {"device": "LFE5U-85F", "clock_hz": 100_000_000, "shares": Shares(0.9, 0.5, 0.1),
        "resources": {"lut4": 10_000, "ff": 9_000, "bram": 50, "dsp": 15}, "toggle_rate": 0.1}


def tool(name):
    """Return the module of a script in tools/."""
    path = Path(__file__).parents[2] / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def meter_file(tmp_path, monkeypatch):
    """Keep the user's own readings out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "trine" / "meter.json"


def changed(**changes):
    """Return the total of the case with some inputs changed."""
    return estimate(**{**CASE, **changes})["total"]


def power(capsys, *arguments):
    """Run `trine power`; return (exit code, stdout, stderr)."""
    try:
        code = main(["power", *arguments])
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_formula_by_hand():
    """Milliwatts of the typical case, worked out with a pocket calculator."""
    parts = {name: round(1000 * watts.typical, 1) for name, watts in estimate(**CASE).items()}

    assert parts == {
        "static": 298.2,      # 1.1 V * 212 mA + 2.5 V * 26 mA
        "logic": 57.0,        # 100 MHz * (10,000 * 0.1 * 0.12 pJ + 9,000 * 0.05 pJ)
        "block RAM": 15.0,    # 100 MHz * 50 * (0.9 + 0.5 + 0.1) / 3 * 6 pJ
        "multipliers": 1.2,   # 100 MHz * 15 * 0.1 * 8 pJ
        "SDRAM": 231.6,       # 3.3 V * (100/166 * (65 + 0.9 * 55) + 135 * 70 / 7812.5) mA
        "pins": 60.1,         # 12 pF * 3.3^2 V * 100 MHz * (1 + 16 / 4 * 0.9)
        "regulators": 117.0,  # 663.1 * (1 / 0.85 - 1)
        "rest": 100.0,
        "total": 880.1,
    }


def test_a_preset_without_sdram_leaves_it_alone():
    parts = estimate_board("ulx3s-85f", "onchip", 75_000_000).parts

    assert round(1000 * parts["SDRAM"].typical, 1) == 99.0  # 3.3 V * 30 mA
    assert parts["pins"].high == 0
    assert parts["SDRAM"].low < parts["SDRAM"].typical < parts["SDRAM"].high


@pytest.mark.parametrize("name", boards())
@pytest.mark.parametrize("clock_hz", [1_000_000, 25_000_000, 100_000_000, 133_333_333])
def test_low_typical_and_high_are_in_order(name, clock_hz):
    for shares in Shares(0, 0, 0), Shares(1, 0.5, 0.1), Shares(1, 1, 1):
        for watts in estimate_board(name, "ulx3s", clock_hz, shares).parts.values():
            assert 0 <= watts.low <= watts.typical <= watts.high


@pytest.mark.parametrize("changes", [
    {"clock_hz": 101_000_000}, {"shares": Shares(0.95, 0.5, 0.1)},
    {"shares": Shares(0.9, 0.6, 0.1)}, {"shares": Shares(0.9, 0.5, 0.2)}, {"toggle_rate": 0.11},
    *({"resources": {**CASE["resources"], name: CASE["resources"][name] + 1}}
      for name in CASE["resources"])])
def test_more_of_anything_takes_more(changes):
    base, more = changed(), changed(**changes)

    assert more.typical > base.typical and more.high >= base.high and more.low >= base.low


def test_larger_devices_take_more():
    totals = [changed(device=f"LFE5U-{size}").typical for size in ("12F", "25F", "45F", "85F")]

    assert totals[0] == totals[1] < totals[2] < totals[3]


def test_every_coefficient_has_a_source():
    for entry in COEFFICIENTS.values():
        assert entry.name and entry.source
        # Standby currents were not read in the data sheet, and say so.
        assert not entry.name.startswith("LFE5U") or "unverified" in entry.source


@pytest.mark.parametrize("name", boards())
def test_a_board_has_its_own_coefficients(name):
    own = coefficients_of(find_board(name).device)

    assert sum(entry.name.startswith("LFE5U") for entry in own) == 2
    assert len(own) == len(COEFFICIENTS) - 4


def test_placed_resources_are_found():
    entry = {"board": "a", "preset": "p", "clock_hz": 100_000_000, "fmax_hz": 1, "seed": 1,
             "lut4": 1, "ff": 2, "bram": 3, "dsp": 4}
    placed = [entry, {**entry, "clock_hz": 125_000_000, "lut4": 5}, {**entry, "board": "b",
                                                                     "lut4": 6}]

    def found(*key):
        resources, source = resources_for(*key, placed)
        return resources["lut4"], source

    assert found("a", "p", 100_000_000) == (1, "resources placed for a at 100 MHz")
    assert found("a", "p", 133_333_333) == (5, "resources placed for a at 125 MHz")
    assert found("b", "p", 133_333_333) == (6, "resources placed for b at 100 MHz")
    assert found("c", "p", 125_000_000) == (5, "resources placed for a at 125 MHz")
    assert found("a", "q", 100_000_000)[1] == "assumed resources"


def test_placed_file():
    content = read_placed()

    assert all({"board", "preset", "clock_hz", "fmax_hz", "seed", "lut4", "ff", "bram",
                "dsp"} <= set(entry) for entry in content["placed"])
    assert 0 < content["activity"]["toggle_rate"] < 0.5
    assert 0.9 < Shares(**content["activity"]["shares"]).memory <= 1


def counters(**values):
    """Return counters of one token in 1,000 cycles, with some values set."""
    counts = dict.fromkeys(Counter, 0) | {Counter.CYCLES: 1_200, Counter.CAUSE_HOST: 200,
                                          Counter.TOKENS: 1}
    return Counters(counts | {Counter[name]: value for name, value in values.items()})


def test_shares_leave_the_host_out():
    assert shares_of(counters(MEMORY_BUSY=900, ARRAY_BUSY=500, VECTOR_BUSY=2_000)) == Shares(
        0.9, 0.5, 1.0)
    assert shares_of(counters(CYCLES=200)) is None


def report(**values):
    """Return the report of one token in 1,000 cycles."""
    return Report(model=tiny_model(), config=preset("ulx3s").replace(name="board"), text="",
                  prompt_tokens=1, generated_tokens=1, seed=0, clock_source="assumed", seconds=1.0,
                  counters=counters(MEMORY_BUSY=900, ARRAY_BUSY=500, VECTOR_BUSY=100), **values)


def test_report_tells_watts_and_joules():
    figures, expected = report().as_dict(), estimate_board(shares=Shares(0.9, 0.5, 0.1)).watts
    weights = tiny_model().ternary_weights

    assert figures["watts"] == expected.as_dict()
    assert figures["joules_per_token"]["typical"] == round(expected.typical * 1e-5, 5)
    assert figures["nanojoules_per_weight"]["high"] == round(expected.high * 1e4 / weights, 3)
    assert "resources placed for ulx3s-85f at" in figures["watts_source"]
    assert any(line.startswith("estimated ") for line in report().lines())


def test_report_is_scaled_by_the_meter():
    metered = report(reading=Reading(1.31, "ulx3s", 100_000_000))
    figures = metered.as_dict()
    scale = 1.31 / estimate_board().watts.typical

    assert figures["watts"]["typical"] == round(scale * report().power.watts.typical, 2)
    assert "scaled by your meter's 1.31 W" in figures["watts_source"]
    assert any(line.startswith("scaled by your meter's 1.31 W: ") for line in metered.lines())


def test_a_reading_replaces_the_estimate_it_was_taken_for():
    estimated = estimate_board("icepi-zero", "ulx3s", 80_000_000)
    metered = estimate_board("icepi-zero", "ulx3s", 80_000_000,
                             reading=Reading(0.8, "ulx3s", 80_000_000))
    faster = estimate_board("icepi-zero", "ulx3s", 100_000_000, reading=metered.reading)

    assert metered.parts == estimated.parts
    assert metered.watts == Watts(0.8 * (1 - ACCURACY), 0.8, 0.8 * (1 + ACCURACY))
    assert 0.8 < faster.watts.typical < 0.8 * 100 / 80


def test_readings_are_kept_by_board(meter_file):
    first, second = Reading(1.0, "ulx3s", 100_000_000), Reading(1.2, "ulx3s", 125_000_000)
    assert load_reading("ulx3s-85f") is None
    store_reading("ulx3s-85f", first)
    store_reading("icepi-zero", second)

    assert (load_reading("ulx3s-85f"), load_reading("icepi-zero")) == (first, second)
    assert not list(meter_file.parent.glob(".*"))
    assert forget_reading("ulx3s-85f") and not forget_reading("ulx3s-85f")
    assert (load_reading("ulx3s-85f"), load_reading("icepi-zero")) == (None, second)


def test_meter_of_the_command(capsys):
    code, out, _ = power(capsys, "--meter", "1.31", "--clock", "110")
    assert code == 0 and "scaled by your meter's 1.31 W" in out and "with your meter" in out

    found = json.loads(power(capsys, "--clock", "110", "--json")[1])
    assert found["watts"]["typical"] == 1.31
    assert found["meter"] == {"watts": 1.31, "preset": "ulx3s", "clock_hz": 110_000_000}
    assert json.loads(power(capsys, "--board", "icepi-zero", "--json")[1])["meter"] is None

    assert "your meter's" not in power(capsys, "--forget")[1]
    assert json.loads(power(capsys, "--json")[1])["meter"] is None


def test_table_of_the_command(capsys):
    code, out, _ = power(capsys, "--board", "ulx3s-12f", "--preset", "tiny")

    assert code == 0 and "ULX3S 12F, preset tiny, 100 MHz" in out and "assumed resources" in out
    for name in ("static", "logic", "block RAM", "multipliers", "SDRAM", "pins", "regulators",
                 "rest", "total"):
        assert f"\n  {name} " in out
    assert "LFE5U-25F, core current" in out and "LFE5U-85F, core" not in out


@pytest.mark.parametrize(("arguments", "message"), [
    (["--meter", "much"], "argument --meter: must be the watts that a meter shows, like 1.31, not"),
    (["--meter", "0"], "argument --meter: must be above 0 W, not '0'"),
    (["--meter=-1"], "argument --meter: must be above 0 W, not '-1'"),
    (["--meter", "nan"], "argument --meter: must be above 0 W, not 'nan'"),
    (["--meter", "1310"], "argument --meter: must be 10 W at most, not '1310': is it in milliwatt"),
    (["--meter", "1", "--forget"], "argument --forget: not allowed with argument --meter"),
    (["--board", "arty"], "Board 'arty' does not exist; choose one of icepi-zero"),
    (["--board", "arty", "--meter", "1"], "Board 'arty' does not exist"),
    (["--preset", "huge"], "argument --preset: invalid choice"),
    (["--clock", "0"], "argument --clock: must be a number from 1 to 1000"),
])
def test_bad_input_gets_one_sentence(capsys, meter_file, arguments, message):
    code, out, err = power(capsys, *arguments)

    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert message in err and not meter_file.exists()


@pytest.mark.parametrize("content", [
    "{", "[]", '{"ulx3s-85f": 1.3}', '{"ulx3s-85f": {"watts": 1.3}}', "\xff",
    '{"ulx3s-85f": {"watts": "1.3", "preset": "ulx3s", "clock_hz": 100000000}}',
    '{"ulx3s-85f": {"watts": NaN, "preset": "ulx3s", "clock_hz": 100000000}}'])
def test_damaged_readings(capsys, meter_file, content):
    meter_file.parent.mkdir()
    meter_file.write_text(content, encoding="latin-1")
    for arguments in [], ["--meter", "1.3"]:
        code, out, err = power(capsys, *arguments)
        assert code == 2 and out == "" and len(err.splitlines()) == 1
        assert f"The file {meter_file} with the meter's readings is damaged; delete it" in err
        assert meter_file.read_text(encoding="latin-1") == content

    assert power(capsys, "--forget")[0] == 0 and not meter_file.exists()
    assert power(capsys)[0] == 0


def test_generate_goes_on_with_damaged_readings(capsys, meter_file):
    meter_file.parent.mkdir()
    meter_file.write_text("{")
    code = main(["generate", "--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH),
                 "-p", "a", "-n", "2", "--seed", "1"])
    out, err = capsys.readouterr()

    assert code == 0 and out.startswith("a") and "the meter's readings is damaged" in err


def test_generate_refuses_an_unknown_board(capsys):
    assert main(["generate", "--device", "golden", "--board", "arty"]) == 2
    assert "Board 'arty' does not exist" in capsys.readouterr().err


def test_the_page_has_the_present_figures():
    """Otherwise: python tools/placed.py."""
    text = (Path(__file__).parents[2] / "docs/power.md").read_text()

    assert tool("placed").page(text) == text


def test_build_reports_become_entries(tmp_path):
    placed = tool("placed")
    report = {"board": "icepi-zero", "preset": "ulx3s", "clock_hz": 80_000_000, "fmax_hz": 9e7,
              "seed": 2, "lut4": 1, "ff": 2, "bram": 3, "dsp": 4, "tools": {}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    entry = placed.entry(tmp_path / "report.json")

    assert "tools" not in entry and entry["lut4"] == 1
    other = {**entry, "clock_hz": 70_000_000}
    assert placed.merged([entry], [other]) == [other, entry]
    assert placed.merged([entry], [{**entry, "lut4": 5}]) == [{**entry, "lut4": 5}]
    (tmp_path / "report.json").write_text('{"board": "icepi-zero"}')
    with pytest.raises(ValueError, match="is no report of `trine build --json`"):
        placed.entry(tmp_path / "report.json")


def test_toggles_count_each_bit_once():
    """A register of two bits that is also known as two other names, and an expression."""
    activity = tool("activity")
    vcd = """\
$scope module TOP $end
 $var wire 1 ! clk $end
 $scope module simulated_board $end
  $scope module top $end
   $scope module unit$3 $end
    $var wire 2 " q [1:0] $end
    $var wire 3 # wide [2:0] $end
    $var wire 1 % $7 $end
   $upscope $end
  $upscope $end
 $upscope $end
$upscope $end
$enddefinitions $end
#0
0!
b01 "
b001 #
0%
#5
1!
b10 "
b110 #
1%
#10
b00 "
b000 #
""".splitlines(keepends=True)
    lines = iter(vcd)
    module = {
        "netnames": {"top.unit$3.q": {"bits": [4, 5]}, "top.unit$3.wide": {"bits": [4, 5, 6]},
                     "top.unit$3.$7": {"bits": [7]}},
        "cells": {name: {"type": kind, "port_directions": {"Y": "output", "A": "input"},
                         "connections": {"Y": bits, "A": [9]}} for name, kind, bits in (
            ("$flatten\\top.\\unit$3.$procdff$1", "$dff", [4, 5]),
            ("$flatten\\top.\\unit$3.$add$2", "$add", [6, "0"]),
            ("$flatten\\top.\\unit$3.$xor$3", "$xor", [7]))}}
    driven = activity.drivers(module)
    assert driven[4] == driven[5] == ("unit", True) and driven[6] == driven[7] == ("unit", False)

    chosen, seen = activity.masks(activity.declarations(lines), module, driven)
    counted = activity.toggles(lines, chosen)

    assert seen == {("unit", True): 2, ("unit", False): 1}
    # q: 01 -> 10 -> 00; the third bit of wide: 0 -> 1 -> 0.
    assert counted == {("unit", True): 3, ("unit", False): 2}
    assert activity.rate(counted, seen, 2) == {"bits": 3, "toggle_rate": round(5 / 6, 5)}
