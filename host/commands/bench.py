"""`trine bench`: cycles, roofline and speed of prompt processing and text generation."""

import csv
import json
import sys
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from trine.host.bench import CAUSES, measure
from trine.host.model import Model, shipped_model
from trine.host.power import REFERENCE_BOARD
from trine.host.synthetic import SHAPES, parse_shape, synthetic_model
from trine.host.timeline import draw, record
from trine.hw.boards import find_board

from .common import add_device, loaded_board, meter_reading, number

__all__ = ["add_arguments", "run"]

HELP = "measure cycles, roofline and speed, as llama-bench does"


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("-m", "--model", metavar="MODEL", default=None,
                        help=f"model file; or random weights: {', '.join(SHAPES)}, or "
                             "synthetic:layers=8,dim=256,hidden=704,vocab=1024 (default: the "
                             "model that comes with Trine)")
    parser.add_argument("-p", "--n-prompt", type=number(int, 0, 1 << 20), default=64, metavar="N",
                        help="tokens of the prompt; 0: no such test (default: %(default)s)")
    parser.add_argument("-n", "--n-gen", type=number(int, 0, 1 << 20), default=32, metavar="N",
                        help="tokens to generate; 0: no such test (default: %(default)s)")
    parser.add_argument("-r", "--repetitions", type=number(int, 1, 1000), default=1, metavar="N",
                        help="times that each test is run (default: %(default)s)")
    parser.add_argument("--slots", type=number(int, 1, 16), default=None, metavar="N",
                        help="slots in use (default: all that the board has)")
    parser.add_argument("-o", "--output", choices=("md", "csv", "json"), default="md",
                        help="format of the results (default: %(default)s)")
    parser.add_argument("--json", action="store_const", dest="output", const="json",
                        help="the same as -o json")
    parser.add_argument("--timeline", metavar="FILE.svg", default=None,
                        help="draw what the units do over the last layer and the head of a token")
    parser.add_argument("--board", metavar="BOARD", default=REFERENCE_BOARD,
                        help="board whose watts are estimated (default: %(default)s)")
    add_device(parser)


def _model(text, preset_name):
    """Return the model that -m names, or the preset's own."""
    shape = parse_shape(text or "")
    if shape is None:
        return Model.load(text or shipped_model(preset_name))
    return synthetic_model(shape, name=text)


@contextmanager
def _progress(total):
    with tqdm(total=total, unit="tok", desc="measuring", leave=False, disable=None,
              file=sys.stderr) as bar:
        yield bar.update


def as_json(results):
    """Return the results as one JSON object: the last test's, and all of them as "tests"."""
    tests = [result.as_dict() for result in results]
    return tests[-1] | {"tests": tests}


def _flat(result):
    """Return a result as a dict without dicts in it, for a row of CSV."""
    flat = {}
    for name, value in result.as_dict().items():
        if isinstance(value, dict):
            flat |= {f"{name}_{key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def markdown(results):
    """Yield the results as Markdown tables: speed, where the cycles go, energy."""
    yield _row("model", "weights", "preset", "slots", "clock", "test", "cycles/token", "roofline",
               "t/s")
    yield _row("---", "---:", "---", "---:", "---:", "---:", "---:", "---:", "---:")
    for each in results:
        speed = each.tokens_per_second
        yield _row(each.model, f"{each.weights / 1e6:.2f} M", each.preset, str(each.slots),
                   f"{each.config.clock_hz / 1e6:g} MHz", each.test,
                   f"{each.cycles_per_token:,.0f} ± {each.deviation:.0f}", f"{each.roofline:.2%}",
                   f"{speed:,.2f} ± {speed * each.deviation / each.cycles_per_token:.2f}")
    yield ""
    yield _row("test", *CAUSES)
    yield _row("---:", *("---:" for _ in CAUSES))
    for each in results:
        yield _row(each.test, *(f"{cycles / each.cycles_per_token:.2%}"
                                for cycles in each.cycles_by_cause.values()))
    yield ""
    for each in results:
        figures = each.as_dict()
        watts, joules = figures["watts"], figures["joules_per_token"]
        yield (f"{each.test}: {figures['weights_per_second'] / 1e9:.2f} G weights/s at "
               f"{each.config.clock_hz / 1e6:g} MHz ({each.source} clock); "
               f"{watts['typical']:.2f} W ({watts['low']:.2f} to {watts['high']:.2f}), "
               f"{1000 * joules['typical']:.2f} mJ/token, "
               f"{figures['nanojoules_per_weight']['typical']:.2f} nJ/weight")
    yield f"watts: {results[0].watts_source}"


def run(args):
    """Carry out the command; return the exit code."""
    if not args.n_prompt and not args.n_gen:
        raise ValueError("Nothing to measure: give -p or -n a number above 0")
    if args.timeline and (args.device != "sim" or not args.timeline.endswith(".svg")):
        raise ValueError("A timeline is an SVG drawn from every cycle of the simulated board: give "
                         "--timeline a name that ends in .svg, and leave out --device")
    model = _model(args.model, args.preset)
    reading = meter_reading(find_board(args.board).name)
    total = args.repetitions * (args.n_prompt + args.n_gen)
    with loaded_board(args, model, back_door=True) as board, _progress(total) as progress:
        results = measure(board, model, prompt=args.n_prompt, generate=args.n_gen,
                          repetitions=args.repetitions, slots=args.slots, power_board=args.board,
                          reading=reading, progress=progress)
        if args.timeline:
            Path(args.timeline).write_text(draw(record(board, model)), encoding="utf-8")
            print(f"timeline drawn in {args.timeline}", file=sys.stderr)
    if args.output == "json":
        print(json.dumps(as_json(results)))
    elif args.output == "csv":
        rows = [_flat(result) for result in results]
        writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print("\n".join(markdown(results)))
    return 0
