"""`trine power`: what a board draws, part by part, and from which coefficients."""

import argparse
import json

from trine.firmware.config import PRESETS
from trine.host.meter import LARGEST, Reading, forget_reading, load_reading, store_reading
from trine.host.power import REFERENCE_BOARD, coefficients_of, estimate_board
from trine.hw.boards import find_board

from .common import number

__all__ = ["add_arguments", "run"]

HELP = "estimate a board's watts, or scale the estimate by a meter"


def _reading(text):
    """Return the watts of --meter."""
    try:
        watts = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be the watts that a meter shows, like 1.31, not {text!r}") from None
    if not watts > 0:
        raise argparse.ArgumentTypeError(f"must be above 0 W, not {text!r}")
    if watts > LARGEST:
        raise argparse.ArgumentTypeError(
            f"must be {LARGEST:g} W at most, not {text!r}: is it in milliwatts?")
    return watts


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("--board", metavar="BOARD", default=REFERENCE_BOARD,
                        help="board to estimate (default: %(default)s)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ulx3s",
                        help="configuration that it runs (default: %(default)s)")
    parser.add_argument("--clock", metavar="MHZ", type=number(float, 1, 1000), default=None,
                        help="its clock (default: the board's)")
    meter = parser.add_mutually_exclusive_group()
    meter.add_argument("--meter", metavar="WATTS", type=_reading, default=None,
                       help="keep what a USB meter shows while the board runs `trine generate "
                            "--sample-on-board` with this preset and clock; it scales the "
                            "estimates")
    meter.add_argument("--forget", action="store_true", help="forget the meter's reading")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def _as_dict(power):
    """Return the estimate as the JSON object of ``--json``."""
    return {
        "board": power.board, "device": power.device, "preset": power.preset,
        "clock_hz": power.clock_hz, "watts": power.watts.as_dict(), "watts_source": power.source,
        "parts": {name: watts.as_dict(4) for name, watts in power.parts.items()},
        "resources": power.resources, "toggle_rate": power.toggle_rate,
        "shares": vars(power.shares), "meter": vars(power.reading) if power.reading else None,
        "coefficients": [vars(entry) for entry in coefficients_of(power.device)],
    }


def _row(name, watts):
    return f"  {name:16}{watts.low:8.3f}{watts.typical:9.3f}{watts.high:8.3f}"


def _lines(power):
    """Yield the estimate as lines of text."""
    yield (f"{find_board(power.board).title}, preset {power.preset}, "
           f"{power.clock_hz / 1e6:g} MHz, writing text")
    yield power.source
    yield f"  {'watts':16}{'low':>8}{'typical':>9}{'high':>8}"
    yield from (_row(name, watts) for name, watts in power.parts.items())
    if power.reading:
        yield _row("with your meter", power.watts)
    used, shares = power.resources, power.shares
    yield (f"from {used['lut4']:,} LUT4, {used['ff']:,} flip-flops, {used['bram']} block RAMs, "
           f"{used['dsp']} multipliers;")
    yield (f"a net toggles in {power.toggle_rate:.1%} of the cycles; memory busy in "
           f"{shares.memory:.1%}, array in {shares.array:.1%}, vector engine in "
           f"{shares.vector:.1%}")
    yield "coefficients (low, typical, high):"
    for entry in coefficients_of(power.device):
        yield (f"  {entry.name}: {entry.low:.5g}, {entry.typical:.5g}, {entry.high:.5g} "
               f"{entry.unit}".rstrip())
        yield f"      {entry.source}"
    yield ("Nothing was measured on a board, unless by you: "
           "trine power --meter WATTS keeps what your USB meter shows.")


def run(args):
    """Carry out the command; return the exit code."""
    board = find_board(args.board)
    clock_hz = board.clock_hz if args.clock is None else round(args.clock * 1e6)
    if args.forget:
        forget_reading(board.name)
    if args.meter is not None:
        store_reading(board.name, Reading(args.meter, args.preset, clock_hz))
    power = estimate_board(board.name, args.preset, clock_hz, reading=load_reading(board.name))
    if args.json:
        print(json.dumps(_as_dict(power)))
    else:
        print("\n".join(_lines(power)))
    return 0
