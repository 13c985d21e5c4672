"""`trine trace`: each layer's integers beside the reference's values, for one token."""

import json

import numpy as np

from trine.sim.golden.mlgru import MLGRU

from .common import UsageError, add_model, load_model, number
from .evaluate import add_checkpoint, load_reference

__all__ = ["add_arguments", "run", "trace"]

HELP = "print each layer's integers beside the reference's values"


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    add_checkpoint(parser)
    parser.add_argument("-p", "--prompt", metavar="TEXT", default="Once upon a time",
                        help="text to run (default: %(default)r)")
    parser.add_argument("--position", metavar="N", type=number(int, 0, 1 << 20), default=None,
                        help="token to trace, the begin token is 0 (default: the last)")
    parser.add_argument("--layer", metavar="N", type=number(int, 0, 1 << 16), default=None,
                        help="trace this layer alone")
    parser.add_argument("--values", metavar="N", type=number(int, 0, 1 << 20), default=4,
                        help="elements of each vector to print (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def trace(model, reference, tokens):
    """Yield (name, integers, fraction, reference's values) of each vector behind the last token."""
    golden, integers, floats = MLGRU(model), {}, {}
    for token in tokens[:-1]:
        golden.step(token)
    golden.step(tokens[-1], lambda name, values, fraction: (
        integers.setdefault(name, (values, fraction))))
    reference.forward(tokens, reference.zero_state(),
                      lambda name, values: floats.setdefault(name, values[-1]))
    for name, (values, fraction) in integers.items():
        # Products that the reference does not have as such are left out.
        if name in floats:
            yield name, values, fraction, floats[name]


def _entry(name, values, fraction, expected, count):
    real = values / 2.0**fraction
    return {
        "name": name, "fraction": fraction, "integers": values[:count].tolist(),
        "golden": real[:count].tolist(), "reference": expected[:count].tolist(),
        "elements": len(values), "largest": float(np.abs(expected).max()),
        "error": float(np.abs(real - expected).max()),
        "codes_differ": int((values != expected).sum()) if name.endswith(".codes") else None,
    }


def _lines(entry):
    """Yield one vector as text."""
    if entry["codes_differ"] is not None:
        yield (f"{entry['name']}: {entry['codes_differ']} of {entry['elements']} codes differ")
        rows = ("integers", "reference")
    else:
        yield (f"{entry['name']}: {entry['fraction']} fraction bits, largest "
               f"{entry['largest']:.4g}, largest error {entry['error']:.2g}")
        rows = ("integers", "golden", "reference")
    if entry["integers"]:
        for row in rows:
            values = "".join(f"{value:>13}" if isinstance(value, int) else f"{value:>13.6g}"
                             for value in entry[row])
            yield f"  {row:10}{values}"


def run(args):
    """Carry out the command; return the exit code."""
    model = load_model(args)
    tokens = [model.tokenizer.begin, *model.tokenizer.encode(args.prompt)]
    position = len(tokens) - 1 if args.position is None else args.position
    if position >= len(tokens):
        raise UsageError(f"The prompt has {len(tokens)} tokens with the begin token, so --position "
                         f"must be below {len(tokens)}, not {position}")
    if args.layer is not None and args.layer >= model.n_layers:
        raise UsageError(f"The model has {model.n_layers} layers, so --layer must be below "
                         f"{model.n_layers}, not {args.layer}")
    reference = load_reference(args, model)
    wanted = "" if args.layer is None else f"layers.{args.layer}."
    entries = [_entry(*vector, args.values)
               for vector in trace(model, reference, tokens[:position + 1])
               if vector[0].startswith(wanted)]
    if args.json:
        print(json.dumps({"position": position, "token": tokens[position], "vectors": entries}))
        return 0
    print(f"token {tokens[position]} at position {position}")
    for entry in entries:
        print("\n".join(_lines(entry)))
    return 0
