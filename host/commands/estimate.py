"""`trine estimate`: what a model of any size would do on a board, or with a memory."""

import argparse
import json
import sys
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from trine.firmware.config import PRESETS
from trine.host.estimate import BITNET_2B4T, PUBLISHED, GivenRate, Target, estimate
from trine.host.model import Model, shipped_model
from trine.host.power import REFERENCE_BOARD
from trine.host.synthetic import parse_shape
from trine.hw.boards import boards

from .common import number

__all__ = ["add_arguments", "run"]

HELP = "estimate tokens/s, memory and watts of a model of any size on a board"

_SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MEMORY = "--memory wants bytes a clock, size and perhaps the share used, like 8,512M,0.9"


def _memory(text):
    """Return the :class:`GivenRate` of --memory."""
    parts = text.split(",")
    try:
        beat_bytes, size = int(parts[0]), parts[1].upper()
        size = int(size.rstrip("KMG")) * _SUFFIXES.get(size[-1:], 1)
        efficiency = float(parts[2]) if len(parts) > 2 else 1.0
    except (ValueError, IndexError):
        raise argparse.ArgumentTypeError(f"is not readable: {_MEMORY}, not {text!r}") from None
    if len(parts) > 3:
        raise argparse.ArgumentTypeError(f"has too many parts: {_MEMORY}, not {text!r}")
    if not 2 <= beat_bytes <= 128 or beat_bytes & (beat_bytes - 1):
        raise argparse.ArgumentTypeError(
            f"must have a power of two of bytes a clock, 2 to 128, not {parts[0]}")
    if not (1 << 10) <= size <= (1 << 40):
        raise argparse.ArgumentTypeError(f"must be 1K to 1024G large, not {parts[1]}")
    if not 0.01 <= efficiency <= 1:
        raise argparse.ArgumentTypeError(f"must have a share from 0.01 to 1, not {parts[2]}")
    return GivenRate(beat_bytes, size, efficiency)


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("-m", "--model", metavar="MODEL", default=None,
                        help=f"{', '.join(PUBLISHED)} (published MatMul-free sizes), 2b4t "
                             "(BitNet b1.58 2B4T's projections), a synthetic shape like "
                             "synthetic:layers=8,dim=512,hidden=1408,vocab=1024, or a model file "
                             "(default: the model that comes with Trine)")
    parser.add_argument("--board", metavar="BOARD", default=REFERENCE_BOARD,
                        help="a board's name, or all (default: %(default)s)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ulx3s",
                        help="configuration to begin with (default: %(default)s)")
    parser.add_argument("--slots", type=number(int, 1, 16), metavar="N", default=None,
                        help="streams that share each weight read (default: the preset's)")
    parser.add_argument("--lanes", type=number(int, 5, 1280), metavar="N", default=None,
                        help="rows that the array works on at once, a multiple of 5 (default: the "
                             "preset's; with --memory twice what the memory delivers)")
    parser.add_argument("--vector-lanes", type=number(int, 1, 8), metavar="N", default=None,
                        help="elements a clock in the vector engine: 1, 2, 4, 8 (default: the "
                             "preset's)")
    parser.add_argument("--clock", type=number(float, 1, 1000), metavar="MHZ", default=None,
                        help="clock assumed (default: the board's)")
    parser.add_argument("--memory", type=_memory, metavar="BYTES,SIZE[,SHARE]", default=None,
                        help="a memory other than the board's: bytes a clock, size, share of the "
                             "clocks used, like 8,512M,0.9")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON object for each board on stdout")


def _model(text):
    """Return (what :func:`estimate` takes, its name)."""
    text = text or str(shipped_model())
    if text.lower() in PUBLISHED:
        return PUBLISHED[text.lower()], f"MatMul-free LM {text.upper()}"
    if text.lower() == "2b4t":
        return BITNET_2B4T, "BitNet b1.58 2B4T, projections alone"
    shape = parse_shape(text)
    if shape:
        return shape, text
    if not Path(text).is_file():
        raise ValueError(f"Model {text!r} is no file, and none of {', '.join(PUBLISHED)}, 2b4t and "
                         "synthetic:layers=...; give one with -m")
    model = Model.load(text)
    return model, model.card.get("name", "unnamed")


def _as_dict(result):
    """Return an estimate as the JSON object of ``--json``."""
    watts = result.watts.as_dict()
    return {
        "model": result.model, "shape": vars(result.shape) if result.shape else None,
        "ternary_weights": result.weights, "board": result.board, "preset": result.preset,
        "slots": result.config.slots, "lanes": result.config.lanes,
        "vector_lanes": result.config.vector_lanes, "clock_hz": result.clock_hz,
        "clock_source": "assumed", "memory": result.memory,
        "memory_bytes_needed": result.memory_needed, "memory_size": result.memory_size,
        "memory_bytes_missing": result.memory_missing,
        "block_rams_needed": result.block_rams[0], "block_rams": result.block_rams[1],
        "raised": {name: list(pair) for name, pair in result.changes.items()},
        "state_bytes_streamed": result.streamed_bytes, "fits": result.fits,
        "what_if": not result.fits,
        "cycles_per_token": round(result.cycles, 1), "roofline": round(result.roofline, 4),
        "aggregate_tokens_per_second": round(result.tokens_per_second, 4),
        "tokens_per_second": round(result.tokens_per_second / result.config.slots, 4),
        "weights_per_second": round(result.weights * result.tokens_per_second),
        "watts": watts, "joules_per_token": result.joules_per_token.as_dict(6),
        "watts_source": result.watts_source,
    }


def _megabytes(count):
    return f"{count / 1e6:,.1f} MB"


def _count(number, what):
    return f"{number} {what}{'s' * (number != 1)}"


def _lines(result):
    """Yield an estimate as lines of text."""
    config, shape = result.config, result.shape
    sizes = (f" ({shape.layers} layers, dim {shape.dim}, hidden {shape.hidden}, {shape.vocab:,} "
             "tokens)" if shape else "")
    yield f"{result.model}{sizes}: {result.weights:,} ternary weights"
    yield (f"on {boards()[result.board].title} with {result.memory}, preset {result.preset}, "
           f"{_count(config.lanes, 'lane')}, {_count(config.vector_lanes, 'vector lane')}, "
           f"{_count(config.slots, 'slot')}, "
           f"{result.clock_hz / 1e6:g} MHz assumed")
    need = f"  memory     {_megabytes(result.memory_needed)} of {_megabytes(result.memory_size)}"
    missing = result.memory_missing
    yield need + (f": {_megabytes(missing)} too little" if missing else "")
    needed, there = result.block_rams
    yield (f"  block RAMs {needed} of {there}"
           + (f": {needed - there} too few" if needed > there else ""))
    if result.changes:
        yield "  the preset is too small: " + ", ".join(
            f"{name} {more:,} instead of {less:,}"
            for name, (less, more) in result.changes.items())
    if result.streamed_bytes:
        yield (f"  the recurrent state is streamed: {result.streamed_bytes:,} bytes of it loaded "
               f"and stored for each token of a slot")
    if not result.fits:
        yield ("  so this is a WHAT-IF: a machine of these sizes, and memory of the same speed "
               "that is large enough")
    yield f"  cycles     {result.cycles:,.0f} for a token in each slot"
    yield f"  roofline   {result.roofline:.1%} of the memory's peak goes into weights"
    each = result.tokens_per_second / config.slots
    yield (f"  speed      {result.tokens_per_second:.4g} tokens/s"
           + (f" together, {each:.4g} in each slot" if config.slots > 1 else "")
           + f", {result.weights * result.tokens_per_second / 1e9:.3g} G weights/s")
    watts, joules = result.watts, result.joules_per_token
    yield (f"  watts      {watts.typical:.2f} ({watts.low:.2f} to {watts.high:.2f}); "
           f"{joules.typical:.3g} J/token ({joules.low:.3g} to {joules.high:.3g})")
    yield f"  {result.watts_source}"


@contextmanager
def _progress(name):
    """Yield what tells of tape that is about to be followed."""
    with tqdm(unit="B", unit_scale=True, desc=f"following the tape on {name}", leave=False,
              delay=1, disable=None, file=sys.stderr) as bar:
        yield bar.update


def run(args):
    """Carry out the command; return the exit code."""
    model, name = _model(args.model)
    for board in boards() if args.board == "all" else [args.board]:
        target = Target(board=board, preset=args.preset, slots=args.slots, lanes=args.lanes,
                        vector_lanes=args.vector_lanes, memory=args.memory,
                        clock_hz=None if args.clock is None else round(args.clock * 1e6))
        with _progress(board) as progress:
            result = estimate(model, name, target, progress)
        print(json.dumps(_as_dict(result)) if args.json else "\n".join(_lines(result)))
    return 0
