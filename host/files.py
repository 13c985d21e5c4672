"""Files that are either whole or not there, and what is never taken from one unseen."""

import json
import os
import tempfile
from pathlib import Path

__all__ = ["parse_json", "whole", "write_atomically"]


def parse_json(text):
    """Return the JSON object in ``text`` as a dict; ValueError where there is none."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(content, dict):
        raise ValueError("it is no object")
    return content


def whole(value, low, high, name):
    """Return ``value`` where it is a whole number from ``low`` to ``high``; ValueError else."""
    # JSON's true is no number, though Python counts it among them.
    if type(value) is not int or not low <= value <= high:
        shown = repr(value) if isinstance(value, (int, float, bool)) else type(value).__name__
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {shown[:40]}")
    return value


def write_atomically(path, data):
    """Write ``data`` (bytes) beside ``path`` and rename it, so that no half file is ever seen."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
