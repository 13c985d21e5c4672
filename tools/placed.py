"""Take placed resources from build reports, and bring the tables of docs/power.md up to date.

    trine build --board ulx3s-85f --json > report.json
    python tools/placed.py report.json ...

Writes host/placed.json, from which watts are estimated; a report replaces the entry of the same
board, preset and clock. Without a report only the tables are written.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from trine.firmware.config import PRESETS
from trine.host.power import COEFFICIENTS, PLACED, estimate_board, read_placed, write_placed
from trine.hw.boards import find_board

_PAGE = Path(__file__).parents[1] / "docs/power.md"
_KEY = ("board", "preset", "clock_hz")
_FIELDS = (*_KEY, "fmax_hz", "seed", "lut4", "ff", "bram", "dsp")


def entry(path):
    """Return what a build's report says about resources; ValueError is one sentence."""
    try:
        report = json.loads(Path(path).read_text())
        found = {field: report[field] for field in _FIELDS}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no report of `trine build --json`: {error!r}") from None
    if found["preset"] not in PRESETS:
        raise ValueError(f"{path} is of the unknown preset {found['preset']!r}")
    find_board(found["board"])
    return found


def merged(placed, new):
    """Return the entries with those of ``new`` added or replaced, in order."""
    entries = {tuple(each[field] for field in _KEY): each for each in [*placed, *new]}
    return [entries[key] for key in sorted(entries)]


def _cells(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def coefficient_table():
    """Yield the lines of the table of coefficients."""
    yield from (_cells("coefficient", "low", "typical", "high", "unit", "source"),
                _cells("---", "---:", "---:", "---:", "---", "---"))
    for each in COEFFICIENTS.values():
        yield _cells(each.name, *(f"{value:.5g}" for value in (each.low, each.typical, each.high)),
                     each.unit, each.source)


def estimate_table():
    """Yield the lines of the table of estimates, one for each placement, and their parts."""
    estimates = [estimate_board(*(each[field] for field in _KEY))
                 for each in read_placed()["placed"]]
    yield from (_cells("", *(f"{each.board}, {each.preset}, {each.clock_hz / 1e6:g} MHz"
                             for each in estimates)),
                _cells("---", *("---" for _ in estimates)))
    for name in estimates[0].parts:
        yield _cells(name, *(f"{each.parts[name].typical:.3f} ({each.parts[name].low:.3f} to "
                             f"{each.parts[name].high:.3f})" for each in estimates))


def activity_table():
    """Yield the lines of the table of simulated activity."""
    activity = read_placed()["activity"]
    yield from (_cells("part", "bits", "toggles a bit and cycle"), _cells("---", "---:", "---:"))
    parts = {"all": activity, "registers": activity["registers"], "named nets": activity["nets"],
             **{f"`{name}`": part for name, part in activity["components"].items()}}
    for name, part in parts.items():
        yield _cells(name, f"{part['bits']:,}", f"{part['toggle_rate']:.4f}")
    shares = ", ".join(f"{name} {share:.1%}" for name, share in activity["shares"].items())
    yield from ("", f"{activity['windows']} windows of {activity['cycles']} cycles, spread evenly "
                f"over one token of `{activity['model']}` with preset `{activity['preset']}`. "
                f"Shares of the cycles over {activity['tokens']} tokens: {shares}.")


def page(text):
    """Return the text of docs/power.md with its tables written anew."""
    for name, lines in (("coefficients", coefficient_table()), ("estimates", estimate_table()),
                        ("activity", activity_table())):
        block = "\n".join(lines)
        text, found = re.subn(
            rf"<!-- {name} -->\n.*?<!-- /{name} -->",
            lambda _, name=name, block=block: f"<!-- {name} -->\n{block}\n<!-- /{name} -->",
            text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"{_PAGE} has no place for the table of {name}")
    return text


def main():
    """Merge and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="*", metavar="REPORT", help="of `trine build --json`")
    args = parser.parse_args()
    try:
        new = [entry(path) for path in args.reports]
    except (ValueError, OSError) as error:
        sys.exit(f"tools/placed.py: {error}")
    if new:
        content = read_placed()
        write_placed({**content, "placed": merged(content["placed"], new)})
    _PAGE.write_text(page(_PAGE.read_text()))
    print(f"wrote {PLACED} and {_PAGE}" if new else f"wrote {_PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
