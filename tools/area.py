"""Print docs/area.md: what the gateware takes on each board, by component, and its Fmax.

    trine build --board ulx3s-85f --every-seed      (and the other boards)
    python tools/placed.py build/*/report.json
    trine generate -n 160 --seed 1 --json > run.json
    python tools/area.py --run run.json build/*/report.json > docs/area.md

The first report's components are listed; the run is of its preset. Watts are those of what is
placed, so tools/placed.py comes first.
"""

import argparse
import json
from pathlib import Path

from trine.firmware.config import preset
from trine.host.power import estimate_board
from trine.hw.boards import find_board
from trine.hw.flow.placement import KINDS, with_parts

_HEADS = {"lut4": "TRELLIS_COMB", "ff": "FF", "bram": "DP16KD", "dsp": "MULT18X18D"}


def board_rows(reports):
    """Yield a table row for each board and preset."""
    for report in reports:
        used = " | ".join(f"{report[kind]:,} ({report[kind] / report['available'][kind]:.0%})"
                          for kind in KINDS)
        fmax = ", ".join(f"{seed['fmax_hz'] / 1e6:.1f} ({seed['seed']})"
                         for seed in report["seeds"])
        yield (f"| {find_board(report['board']).title} | `{report['preset']}` | "
               f"{report['clock_hz'] / 1e6:g} | {used} | {fmax} | "
               f"{report['build_seconds'] / 60:.0f} min |")


def speed_rows(reports, run):
    """Yield a table row for each board that closes with the first one's preset: its speed."""
    weights = run["weights_per_second"] / run["tokens_per_second"]
    for report in reports:
        if not report["closed"] or report["preset"] != reports[0]["preset"]:
            continue
        clock = report["clock_hz"]
        tokens = clock / run["cycles_per_token"]
        watts = estimate_board(report["board"], report["preset"], clock).watts

        def spread(value, digits):
            return (f"{value.typical:.{digits}f} ({value.low:.{digits}f} to "
                    f"{value.high:.{digits}f})")

        yield (f"| {find_board(report['board']).title} | {clock / 1e6:g} | {tokens:.0f} | "
               f"{tokens * weights / 1e9:.2f} | {spread(watts, 2)} | "
               f"{spread(watts.scaled(1e3 / tokens), 2)} | "
               f"{spread(watts.scaled(1e9 / (tokens * weights)), 2)} |")


def component_rows(report):
    """Yield a table row for each component and those in it, the largest first."""
    sums = with_parts(report["area"], 2)
    size = {name: used["lut4"] for name, used in sums.items()}
    order = sorted(sums, key=lambda name: (-size[name.split(".")[0]], name.split(".")[0],
                                           "." in name, -size[name]))
    for name in order:
        used = sums[name]
        if any(used.values()):
            label = f"`{name}`" if "." not in name else f"&nbsp;&nbsp;`{name.split('.', 1)[1]}`"
            yield f"| {label} | " + " | ".join(f"{used[kind]:,}" for kind in KINDS) + " |"


def path_rows(report):
    """Yield a table row for each step of the critical path."""
    for step in report["critical_path"]["steps"]:
        where = ".".join(filter(None, (step["component"], step["signal"])))
        yield f"| `{where}` | {step['levels'] or ''} | {step['ns']:.2f} |"


def page(reports, run):
    """Yield the lines of docs/area.md."""
    first = reports[0]
    config, path = preset(first["preset"]), first["critical_path"]
    tools = ", ".join(f"{name} {version}" for name, version in first["tools"].items())
    units = config.lanes * config.slots
    array = with_parts(first["area"], 2)["core.array"]["lut4"] / units
    drain = with_parts(first["area"], 3).get("core.array.drain", {"lut4": 0})["lut4"] / units
    yield from (
        "# Area and timing", "",
        f"Written by `python tools/area.py` from the reports of `trine build` ({tools}).", "",
        "Whole designs, with PLL, pads, serial port, LEDs and memory test, placed and routed; no "
        "path is excluded from timing. Fmax is of the clock that limits the design, by seed. Build "
        "times were measured with other work on the machine's two cores.", "",
        "| board | preset | MHz asked for | " + " | ".join(_HEADS.values())
        + " | Fmax in MHz (seed) | build |",
        "| --- " * (len(_HEADS) + 5) + "|", *board_rows(reports), "",
        f"The shipped model with preset `{first['preset']}` at the clock asked for, where that "
        "closes; [results](results.md) have the other presets: "
        f"{run['cycles_per_token']:,.0f} cycles a token, counted over {run['generated_tokens']} "
        "tokens on the simulated board. Watts are estimates, typical and their range: "
        "[power](power.md).", "",
        "| board | MHz | tokens/s | G weights/s | W | mJ/token | nJ/weight |",
        "| --- " * 7 + "|", *speed_rows(reports, run), "",
        f"## Components on the {find_board(first['board']).title}", "",
        f"Each with what is in it. A cell belongs to the component whose signal it is named after; "
        f"optimisation across components blurs their borders a little. The array of {config.lanes} "
        f"lanes and {config.slots} slot{'s' * (config.slots > 1)}, decoders included, takes "
        f"{array - drain:.1f} TRELLIS_COMB per lane and slot, and its drain {drain:.1f} more.", "",
        "| component | " + " | ".join(_HEADS.values()) + " |",
        "| --- " + "| ---: " * len(_HEADS) + "|", *component_rows(first), "",
        f"## Critical path on the {find_board(first['board']).title}", "",
        f"Seed {first['seed']}: {path['ns']:.2f} ns, {path['logic_ns']:.2f} in logic and "
        f"{path['routing_ns']:.2f} in routing; {path['levels']} levels.", "",
        "| to | levels | ns |", "| --- | ---: | ---: |", *path_rows(first))


def main():
    """Read the reports and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, type=Path, metavar="run.json",
                        help="what trine generate --json printed")
    parser.add_argument("reports", nargs="+", type=Path, metavar="report.json")
    args = parser.parse_args()
    reports = [json.loads(path.read_text()) for path in args.reports]
    print("\n".join(page(reports, json.loads(args.run.read_text()))))


if __name__ == "__main__":
    main()
