"""`trine program`: a bitstream to a board."""

import json
import sys
from pathlib import Path

from tqdm import tqdm

from trine.host.programmer import program
from trine.hw.boards import find_board

from .common import UsageError

__all__ = ["add_arguments", "run"]

HELP = "write a bitstream to a board"


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("bitstream", metavar="BITSTREAM", nargs="?", default=None,
                        help="file (default: the newest that trine build made for the board)")
    parser.add_argument("--board", metavar="BOARD", default=None,
                        help="board to program (default: the bitstream's, else ulx3s-85f)")
    parser.add_argument("--flash", action="store_true",
                        help="write to the flash, so that the board keeps it without power")


def _built_for(bitstream):
    """Return the name of the board that the report beside a bitstream tells, or None."""
    try:
        return json.loads(bitstream.with_name("report.json").read_text())["board"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _choose(args):
    """Return (board, bitstream)."""
    if args.bitstream is None:
        board = find_board(args.board or "ulx3s-85f")
        built = [path for path in Path("build").glob(f"{board.name}-*/top.bit")
                 if _built_for(path) in (board.name, None)]
        if not built:
            raise UsageError(f"There is no bitstream for the {board.title} in the folder build; "
                             f"run trine build --board {board.name}, or name a file")
        return board, max(built, key=lambda path: path.stat().st_mtime)
    bitstream = Path(args.bitstream)
    if not bitstream.is_file():
        raise UsageError(f"Bitstream {bitstream} does not exist; trine build makes one")
    built_for = _built_for(bitstream)
    board = find_board(args.board or built_for or "ulx3s-85f")
    if built_for not in (board.name, None):
        raise UsageError(f"Bitstream {bitstream} was built for the board {built_for}, not for "
                         f"{board.name}")
    return board, bitstream


def run(args):
    """Carry out the command; return the exit code."""
    board, bitstream = _choose(args)
    print(f"{bitstream} to the {'flash' if args.flash else 'FPGA'} of the {board.title}",
          file=sys.stderr)
    with tqdm(total=1.0, file=sys.stderr, leave=False, disable=None,
              bar_format="|{bar:30}| {elapsed} {desc}") as bar:
        def progress(text, done):
            bar.set_description_str(text, refresh=False)
            bar.n = done
            bar.refresh()

        program(board, bitstream, flash=args.flash, progress=progress)
    print(f"The {board.title} is programmed; try: trine selftest --device auto", file=sys.stderr)
    return 0
