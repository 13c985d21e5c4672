"""`trine build`: a bitstream for a board, or the core as Verilog for other flows."""

import argparse
import contextlib
import json
import sys
from pathlib import Path

from tqdm import tqdm

from trine.firmware.config import PRESETS, preset
from trine.hw.boards import boards, find_board

from .common import UsageError, number

__all__ = ["add_arguments", "run"]

HELP = "build a bitstream for a board"


def _clock(text):
    return text if text == "fast" else number(float, 1, 400)(text)


def _seeds(text):
    try:
        seeds = [int(word) for word in text.split(",")]
    except ValueError:
        seeds = [-1]
    if any(not 0 <= seed < 1 << 31 for seed in seeds):
        raise argparse.ArgumentTypeError(f"must be whole numbers with commas between them, like "
                                         f"1,2,3, not {text!r}")
    return list(dict.fromkeys(seeds))


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("--board", metavar="BOARD", default="ulx3s-85f",
                        help="board to build for (default: %(default)s)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ulx3s",
                        help="configuration of the machine (default: %(default)s)")
    parser.add_argument("--clock", metavar="MHZ", type=_clock, default=None,
                        help="clock of the core; fast: the board's faster one (default: the "
                             "board's, 100)")
    parser.add_argument("--seed", metavar="N,N,..", type=_seeds, default=[1, 2, 3],
                        help="seeds of the placement, tried in turn until timing closes (default: "
                             "1,2,3)")
    parser.add_argument("--every-seed", action="store_true",
                        help="try all seeds, and take the fastest")
    parser.add_argument("--phase", metavar="DEG", type=number(float, 0, 360), default=None,
                        help="phase of the SDRAM's clock, in degrees behind the core's (default: "
                             "what suits the clock)")
    parser.add_argument("--baud", metavar="N", type=number(int, 9600, 12_000_000), default=None,
                        help="speed of the serial port (default: the board's, 3000000)")
    parser.add_argument("--output", metavar="DIR", default=None,
                        help="folder for bitstream and report (default: "
                             "build/BOARD-PRESET-MHZ)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--verilog", metavar="FILE", default=None,
                       help="write the core as portable Verilog, and build nothing")
    other.add_argument("--list", action="store_true", help="list the boards")


@contextlib.contextmanager
def build_progress():
    """Give :func:`trine.hw.boards.build.build` a callback that draws on stderr, or writes lines."""
    bar, said = None, set()

    def progress(text, done, total):
        nonlocal bar
        if not sys.stderr.isatty():
            stage = text if "compiling" in text else text.partition(":")[0]
            if stage not in said:
                said.add(stage)
                print(f"{stage} ...", file=sys.stderr)
            return
        if bar is None:
            bar = tqdm(total=1.0, file=sys.stderr, leave=False,
                       bar_format="|{bar:30}| {elapsed} {desc}")
        bar.set_description_str(text, refresh=False)
        bar.n = done / total
        bar.refresh()

    try:
        yield progress
    finally:
        if bar is not None:
            bar.close()


def _list(as_json):
    if as_json:
        print(json.dumps([{"board": board.name, "title": board.title, "device": board.device,
                           "clock_hz": board.clock_hz, "memory_size": board.geometry.size,
                           "baud": board.baud, **board.resources}
                          for board in boards().values()]))
        return
    for board in boards().values():
        print(f"{board.name:14} {board.title:14} {board.device:10} {board.geometry.size >> 20} MB "
              f"of SDRAM, {board.clock_hz / 1e6:g} MHz, {board.baud:,} baud")


def _write_verilog(path, config):
    from trine.hw.core import Core
    from trine.hw.flow.verilog import to_verilog

    text = to_verilog(Core(config=config), name="trine_core")
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise UsageError(f"File {path} cannot be written: {error.strerror}") from error
    print(f"{path}: module trine_core, preset {config.name}; docs/porting.md tells its ports",
          file=sys.stderr)


def run(args):
    """Carry out the command; return the exit code, 1 where timing does not close."""
    if args.list:
        _list(args.json)
        return 0
    if args.verilog is not None:
        _write_verilog(args.verilog, preset(args.preset))
        return 0
    from trine.hw.boards.build import build

    board = find_board(args.board)
    clock_hz = board.fast_clock_hz if args.clock == "fast" else args.clock and args.clock * 1e6
    with build_progress() as progress:
        report = build(board=board, config=preset(args.preset), clock_hz=clock_hz,
                       degrees=args.phase, baud=args.baud, seeds=args.seed,
                       every_seed=args.every_seed, folder=args.output, progress=progress)
    if args.json:
        print(json.dumps(report.as_dict()))
    else:
        print("\n".join(report.lines()))
    if not report.closed:
        print(f"trine: {report.headline()}", file=sys.stderr)
        return 1
    return 0
