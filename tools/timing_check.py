"""Compare the timing model with the simulated board's counters, and print a table for the docs.

    python tools/timing_check.py [--write docs/estimate.md] [NAME ...]

Builds a simulated board for each configuration that is not cached: half a minute each on an idle
machine.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from checkpoints import random_model, tiny_model
from trine.firmware.compiler import compile_image
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.model import Model, shipped_model
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import parse_shape, synthetic_model
from trine.host.timing_check import compare

TINY, ULX3S = preset("tiny"), preset("ulx3s")
#: Sizes for a model of dim 96, hidden 256, 2 layers and 64 tokens.
ROOMY = TINY.replace(memory_size=1 << 18, vector_words=1024, constant_words=4096, state_words=512,
                     code_words=512, max_cols=512)
MODELS = {
    "tiny": tiny_model,
    "96 wide": lambda: random_model(96, 256, 2, 64, 3),
    "shipped": lambda: Model.load(shipped_model()),
    "synthetic-25m": lambda: synthetic_model(parse_shape("synthetic-25m")),
}
BEGIN, END = "<!-- timing_check -->", "<!-- end -->"

#: Configuration, model and tokens by name.
CASES = {
    "tiny": (TINY, "tiny", 10),
    "ulx3s, tiny model": (ULX3S, "tiny", 10),
    "ulx3s": (ULX3S, "shipped", 4),
    "ulx3s at 133 MHz": (ULX3S.replace(clock_hz=133_000_000), "shipped", 3),
    "8 slots, 4 vector lanes": (ULX3S.replace(slots=8, vector_lanes=4), "shipped", 2),
    "3 slots": (TINY.replace(slots=3), "tiny", 10),
    "3 slots, 4 bytes, 4 vector lanes": (
        TINY.replace(lanes=20, memory_bytes=4, vector_lanes=4, fifo_bytes=256, slots=3),
        "tiny", 10),
    "FIFO of 64 bytes": (ROOMY.replace(fifo_bytes=64), "96 wide", 4),
    "32 bytes, 160 lanes, 8 vector lanes": (
        ROOMY.replace(lanes=160, memory_bytes=32, burst_beats=4, vector_lanes=8), "96 wide", 4),
    "20 lanes": (TINY.replace(lanes=20), "tiny", 10),
    "5 lanes": (TINY.replace(lanes=5), "tiny", 10),
    "64 MB, FIFO of 16 KiB": (
        ULX3S.replace(memory_size=64 << 20, fifo_bytes=16384), "shipped", 3),
    "`ulx3s-16`, states streamed": (preset("ulx3s-16"), "synthetic-25m", 2),
}


def rows(names):
    """Yield the table's lines, one for each case."""
    yield ("| configuration | model | cycles a token, counted | predicted, scalars traced | error "
           "| predicted without | error | ms a token |")
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in tqdm(names, file=sys.stderr):
        config, model, count = CASES[name]
        with Board(SimulatedTransport(config), "assumed") as board:
            board.upload(compile_image(MODELS[model](), board.config))
            result = compare(board, config, count)
        error = "exact" if result.difference == 0 else f"{result.error:+.4%}"
        yield (f"| {name} | {model} | {result.measured / count:,.1f} "
               f"| {result.traced.cycles_per_token:,.1f} | {error} "
               f"| {result.usual.cycles_per_token:,.1f} | {result.usual_error:+.3%} "
               f"| {1e3 * result.seconds / count:.0f} |")


def main():
    """Print the table, or write it between the marks of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to run (default: all)")
    parser.add_argument("--write", metavar="PAGE", help="page to put the table into")
    args = parser.parse_args()
    table = []
    for line in rows(args.names or CASES):
        table.append(line)
        print(line, flush=True)
    if args.write:
        page = Path(args.write)
        before, rest = page.read_text().split(BEGIN)
        page.write_text("\n".join([before + BEGIN, *table, END + rest.split(END)[1]]))


if __name__ == "__main__":
    main()
