"""What several commands share: options for model and device, progress on stderr."""

import argparse
import sys
from contextlib import contextmanager

from tqdm import tqdm

from trine.firmware.config import PRESETS
from trine.host.devices import open_board
from trine.host.meter import load_reading
from trine.host.model import Model, shipped_model

__all__ = ["UsageError", "add_device", "add_model", "load_model", "loaded_board", "meter_reading",
           "number", "read_text"]

#: Bytes of an image above which it takes the back door into a simulated memory: over the link, at a
#: byte a clock, it would take minutes.
_LARGE = 16 << 20


class UsageError(ValueError):
    """An option's value makes no sense; the message is one sentence for the user."""


def number(kind, low, high, *, also=None):
    """Return an argparse type: a number of ``kind`` from ``low`` to ``high``, or ``also``."""
    what = "a whole number" if kind is int else "a number"

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (low <= value <= high or value == also):
            extra = f" (or {also})" if also is not None else ""
            raise argparse.ArgumentTypeError(
                f"must be {what} from {low} to {high}{extra}, not {text!r}")
        return value

    return parse


def add_model(parser):
    """Add -m."""
    parser.add_argument("-m", "--model", metavar="FILE", default=None,
                        help="model file (default: the one that comes with Trine for the preset)")


def add_device(parser, preset="ulx3s"):
    """Add the options that choose a device; ``preset`` is the default for one without a board."""
    parser.add_argument("--device", metavar="DEVICE", default="sim",
                        help="sim: the simulated board; golden: the integer model without "
                             "gateware; auto: the one board on USB; else a serial port (default: "
                             "sim)")
    parser.add_argument("--baud", metavar="N", type=number(int, 9600, 12_000_000), default=None,
                        help="speed of the serial port (default: 3000000)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default=preset,
                        help="configuration of a simulated or golden board (default: "
                             "%(default)s)")
    parser.add_argument("--clock", metavar="MHZ", type=number(float, 1, 1000), default=None,
                        help="clock assumed for a simulated board (default: the preset's)")
    parser.add_argument("--vcd", metavar="FILE", default=None,
                        help="write the waveforms of a simulated board")


def load_model(args):
    """Return the :class:`Model` that the options name, or the preset's own."""
    return Model.load(args.model or shipped_model(getattr(args, "preset", "ulx3s")))


def read_text(path):
    """Return the text of a file; the message of a ValueError is one sentence."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise UsageError(f"Text file {path} does not exist; give another one") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"File {path} is no UTF-8 text (byte {error.start}); convert it") from None
    if not text:
        raise UsageError(f"Text file {path} is empty; give another one")
    return text


def meter_reading(board):
    """Return the meter's reading of a board, or None; say so where the readings are damaged."""
    try:
        return load_reading(board)
    except (ValueError, OSError) as error:
        print(f"trine: {error}", file=sys.stderr)
        return None


@contextmanager
def loaded_board(args, model, prepare=None, *, back_door=False):
    """Open the device that the options name with ``model`` uploaded, ``prepare(board)`` before.

    back_door : where a simulated board has an SDRAM, put the image there without using the link;
    a large image goes that way in any case
    """
    clock = None if args.clock is None else round(args.clock * 1e6)
    board = open_board(args.device, preset_name=args.preset, clock_hz=clock, vcd=args.vcd,
                       baud=args.baud)
    with board:
        hint = getattr(board.transport, "latency_hint", None)
        if hint:
            print(hint, file=sys.stderr)
        if prepare:
            prepare(board)
        image = model.image(board.config)
        back_door |= len(image.data) > _LARGE
        if back_door and not board.config.on_chip and hasattr(board.transport, "load"):
            board.transport.load(image.data)
            yield board.adopt(image)
            return
        with tqdm(total=len(image.data), unit="B", unit_scale=True, desc="uploading model",
                  leave=False, delay=1, disable=None, file=sys.stderr) as bar:
            board.upload(image, bar.update)
        yield board
