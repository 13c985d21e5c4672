"""A folder of results that are costly to make, found by a digest of what they are made from."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "digest", "digest_files", "stored"]


def cache_folder():
    """Return the folder: ``$TRINE_CACHE_DIR``, else ``trine`` in the user's cache folder."""
    if folder := os.environ.get("TRINE_CACHE_DIR"):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "trine"
    return Path("~/.cache/trine").expanduser()


def digest(*parts):
    """Digest a sequence of strings and bytes; where one ends and the next begins counts."""
    state = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()[:32]


def digest_files(*folders, suffixes=(".py", ".v", ".cpp")):
    """Digest the names and contents of all source files below ``folders``."""
    parts = []
    for folder in map(Path, folders):
        for path in sorted(path for path in folder.rglob("*") if path.suffix in suffixes):
            parts += [path.relative_to(folder).as_posix(), path.read_bytes()]
    return digest(*parts)


def stored(kind, key, make, *, root=None):
    """Return the folder ``kind``/``key`` of the cache; ``make(folder)`` fills it the first time.

    ``root`` replaces the cache's own folder. What was made appears whole or not at all, and
    processes that want the same thing make it once: the others wait.

    Raises
    ------
    OSError
        If the cache cannot be written; the sentence says how to choose another place.
    """
    root = (root or cache_folder()) / kind
    found = root / key
    if found.is_dir():
        return found
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = open(root / f".{key}.lock", "w")  # closed, and so released, below
    except OSError as error:
        raise OSError(f"The cache folder {root} cannot be written ({error.strerror}): "
                      "set TRINE_CACHE_DIR to a folder that can.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.is_dir():
            aside = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=root))
            try:
                make(aside)
                aside.rename(found)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
        with contextlib.suppress(OSError):
            (root / f".{key}.lock").unlink()
    return found
