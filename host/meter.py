"""A reading of the user's own meter, kept for each board in the user's configuration folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import write_atomically
from .power import Watts

__all__ = ["ACCURACY", "LARGEST", "Reading", "forget_reading", "load_reading", "meter_path",
           "store_reading"]

#: What a USB meter may be wrong by, as a share: assumed.
ACCURACY = 0.05
#: Watts beyond which a reading is a mistake: no USB port gives these boards more.
LARGEST = 10.0


@dataclass(frozen=True)
class Reading:
    """Watts that a meter showed while the board generated text.

    preset, clock_hz : what ran on the board
    """

    watts: float
    preset: str
    clock_hz: int

    def __post_init__(self):
        if not (isinstance(self.watts, (int, float)) and 0 < self.watts <= LARGEST
                and isinstance(self.preset, str)
                and isinstance(self.clock_hz, int) and self.clock_hz > 0):
            raise ValueError(f"A meter's reading must be above 0 W and at most {LARGEST:g} W, "
                             f"with a preset and a clock, not {self!r}")

    @property
    def text(self):
        """Words for a report that the reading has scaled."""
        return f"scaled by your meter's {self.watts:g} W"

    def scale(self, watts, metered):
        """Return ``watts`` scaled by the reading over ``metered``, its estimate; both Watts."""
        typical = watts.typical * self.watts / metered.typical
        return Watts(typical * (1 - ACCURACY), typical, typical * (1 + ACCURACY))


def meter_path():
    """Return the file: ``trine/meter.json`` in ``$XDG_CONFIG_HOME``, else in ``~/.config``."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(folder) / "trine" / "meter.json"


def _load():
    """Return all readings by board; ValueError is one sentence about the file."""
    path = meter_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {board: Reading(**fields) for board, fields in found.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OSError(f"The file {path} with the meter's readings cannot be read "
                      f"({error.strerror}); make it readable") from None
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"The file {path} with the meter's readings is damaged; delete it, or "
                         f"let `trine power --forget` do so") from None


def load_reading(board):
    """Return the :class:`Reading` of a board, or None."""
    return _load().get(board)


def _write(readings):
    content = {board: asdict(reading) for board, reading in sorted(readings.items())}
    write_atomically(meter_path(), (json.dumps(content, indent=1) + "\n").encode())


def store_reading(board, reading):
    """Keep a board's reading in place of an earlier one."""
    _write({**_load(), board: reading})


def forget_reading(board):
    """Drop a board's reading, and all of a damaged file; return whether there was one."""
    try:
        readings = _load()
    except ValueError:
        meter_path().unlink()
        return True
    found = readings.pop(board, None) is not None
    if found:
        _write(readings)
    return found
