"""Choose FIFO, lanes and vector lanes by their cycles: a sweep around a preset.

    python tools/choose.py [--preset ulx3s] [--gateware]

Every size in turn is varied with the others as in the preset, for the shipped model and for a
synthetic one of 25 M ternary weights where it fits. Cycles are those of the timing model
(sim/timing), which is held equal to the gateware; with --gateware each machine is built and counts
by itself, minutes apiece. Writes a record.
"""

import argparse
import sys

from record import write_record
from tqdm import tqdm

from trine.firmware.config import preset
from trine.host.bench import run_tokens
from trine.host.board import Board
from trine.host.model import Model, shipped_model
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import parse_shape, synthetic_model
from trine.sim.timing.predict import predict, token_code

SWEEP = {"fifo_bytes": (2048, 4096, 8192, 16384, 32768), "lanes": (10, 20, 40),
         "vector_lanes": (1, 2, 4)}
#: Tokens of a run.
PLAYS = 3


def predicted(config, model):
    """Return the cycles of a token, by the timing model."""
    image = model.image(config)
    return predict(config, token_code(image, config), plays=PLAYS,
                   base=image.tapes["token"].base).cycles_per_token


def counted(config, model):
    """Return the cycles of a token, by the gateware."""
    with Board(SimulatedTransport(config), "assumed") as board:
        image = model.image(config)
        board.transport.load(image.data)
        board.adopt(image)
        return run_tokens(board, [[0]] * config.slots, PLAYS, feedback=True).cycles_per_token


def main():
    """Sweep, print a table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="ulx3s")
    parser.add_argument("--gateware", action="store_true")
    args = parser.parse_args()
    usual = preset(args.preset)
    models = {"shipped": Model.load(shipped_model()),
              "synthetic-25m": synthetic_model(parse_shape("synthetic-25m"))}
    measure = counted if args.gateware else predicted
    rows = []
    sizes = [(field, value) for field, values in SWEEP.items() for value in values]
    for field, value in tqdm(sizes, unit="machine", disable=None, file=sys.stderr):
        row = {"field": field, "value": value, "chosen": value == getattr(usual, field)}
        for name, model in models.items():
            try:
                config = usual.replace(**{field: value})
                cycles = measure(config, model)
            except ValueError as error:
                print(f"{field} {value}, {name}: {error}", file=sys.stderr)
                continue
            row[name] = {"cycles_per_token": round(cycles, 1), "roofline": round(
                model.ternary_weights / 5 / config.memory_bytes / cycles, 4)}
            print(f"{field} {value}, {name}: {row[name]['roofline']:.2%}", flush=True)
        if any(name in row for name in models):
            rows.append(row)
    write_record(f"choice_{usual.name}", f"python tools/choose.py --preset {usual.name}"
                 f"{' --gateware' if args.gateware else ''}", preset=usual.name, slots=usual.slots,
                 source="gateware" if args.gateware else "timing model", rows=rows)


if __name__ == "__main__":
    main()
