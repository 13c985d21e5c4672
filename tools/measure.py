"""Measure presets and models on the simulated board, and write records into docs/results/.

    python tools/measure.py [speed] [golden] [timeline] [predicted] [--tokens 200] [--text FILE]

speed: `trine bench` of every preset, with the models that fit it, at the clock it is placed for;
where there are several slots, of a prompt that fills them as well, if the model is trained.
golden: golden model and gateware side by side over sampled tokens and, with --text, over a book.
timeline: docs/timeline.svg, a layer and the head of the shipped model.
predicted: every preset and model by the timing model, in seconds apiece. Without a name, all.
"""

import argparse
import sys
from pathlib import Path

from record import write_record
from tqdm import tqdm

from trine.firmware.config import PRESETS
from trine.firmware.registers import Counter
from trine.host.bench import measure
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.model import Model, shipped_model
from trine.host.power import read_placed
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import parse_shape, synthetic_model
from trine.host.timeline import draw, record
from trine.sim.timing.predict import predict, token_code

_DOCS = Path(__file__).parents[1] / "docs"
#: Tokens of a prompt.
PROMPT = 256
#: Board whose placements count.
BOARD = "ulx3s-85f"


def models():
    """Return the models to measure by name."""
    files = sorted(shipped_model().parent.glob("*.safetensors"))
    shipped = {path.stem: Model.load(path) for path in files}
    return shipped | {"synthetic-25m": synthetic_model(parse_shape("synthetic-25m"),
                                                       name="synthetic-25m")}


def placed_clock(config):
    """Return the configuration at the fastest clock that it is placed and routed for, if any."""
    clocks = [entry["clock_hz"] for entry in read_placed()["placed"]
              if entry["preset"] == config.name and entry["board"] == BOARD
              and entry["fmax_hz"] >= entry["clock_hz"]]
    return config.replace(clock_hz=max(clocks)) if clocks else config


def opened(config, model):
    """Return the simulated board of ``config`` with ``model`` in its memory."""
    board = Board(SimulatedTransport(config), "assumed")
    image = model.image(config)
    if config.on_chip:
        return board.upload(image)
    board.transport.load(image.data)
    return board.adopt(image)


def speed(args):
    """Run the benchmark of every preset and model that fit, one record each."""
    pairs = [(name, config, model) for name, config in PRESETS.items() if name != "tiny"
             and name in (args.preset or PRESETS) for model in models().items()]
    for name, config, (model_name, model) in tqdm(pairs, unit="machine", file=sys.stderr):
        config = placed_clock(config)
        try:
            model.image(config)
        except ValueError as error:
            print(f"{name}, {model_name}: {error}", file=sys.stderr)
            continue
        with opened(config, model) as board:
            prompt = PROMPT if config.slots > 1 and not model_name.startswith("synthetic") else 0
            results = measure(board, model, prompt=prompt, generate=args.tokens_of_speed,
                              preset=name)
            violations = board.transport.violations
        for result in results:
            print(name, model_name, f"{result.cycles_per_token:,.0f} {result.roofline:.2%}",
                  f"{result.tokens_per_second:.1f} t/s", flush=True)
            kind = "prefill" if result.test.startswith("pp") else "speed"
            write_record(f"{kind}_{name}_{model_name}", "python tools/measure.py speed", kind=kind,
                         sdram_violations=violations, tokens=result.tokens,
                         plays=result.counters[0][Counter.TOKENS], **result.as_dict())


def golden(args):
    """Compare the shipped model's tokens with the golden model."""
    model = Model.load(shipped_model())
    begin = model.tokenizer.begin
    runs = [("sampled on the board at temperature 0.8, seed 1",
             [begin, *model.tokenizer.encode("Once upon a time")], 0.8)]
    if args.text:
        text = Path(args.text).read_text(encoding="utf-8")
        runs.append((f"teacher-forced from {Path(args.text).stem}",
                     [begin, *model.tokenizer.encode(text)][:args.tokens], 0))
    rows = []
    with opened(PRESETS["ulx3s"], model) as board:
        for label, tokens, temperature in runs:
            with tqdm(total=args.tokens, desc=label, unit="tok", file=sys.stderr) as bar:
                result = compare(board, model, tokens, args.tokens, temperature=temperature,
                                 seed=1, progress=bar.update)
            rows.append({"run": label, **result})
        violations = board.transport.violations
    write_record("golden", f"python tools/measure.py golden --tokens {args.tokens}", rows=rows,
                 sdram_violations=violations)


def timeline(args):
    """Draw the shipped model's timeline."""
    model = Model.load(shipped_model())
    with opened(PRESETS["ulx3s"], model) as board:
        (_DOCS / "timeline.svg").write_text(draw(record(board, model)), encoding="utf-8")


def predicted(args):
    """Predict a token of every preset and model that fit; write a record with its own table."""
    rows, one = [], {}
    for name, config in PRESETS.items():
        config = placed_clock(config)
        for model_name, model in models().items() if name != "tiny" else ():
            try:
                image = model.image(config)
            except ValueError as error:
                rows.append((f"`{name}`", config.slots, model_name, f"does not fit: {error}",
                             "", "", "", ""))
                continue
            cycles = predict(config, token_code(image, config), plays=3,
                             base=image.tapes["token"].base).cycles_per_token
            speed = config.slots * config.clock_hz / cycles
            one.setdefault(model_name, cycles)
            rows.append((f"`{name}`", config.slots, model_name, f"{cycles:,.0f}",
                         f"{model.ternary_weights / 5 / config.memory_bytes / cycles:.2%}",
                         f"{config.clock_hz / 1e6:g} MHz", f"{speed:,.1f}",
                         f"{config.slots * one[model_name] / cycles:.2f}"))
            print(*rows[-1], flush=True)
    write_record("predicted", "python tools/measure.py predicted", title="Every preset, predicted",
                 order=22, text=["By the timing model: cycles in which every slot makes a token, "
                                 "tokens/s of all slots, and how many times the first preset's "
                                 "that is in cycles."],
                 columns=["preset", "slots", "model", "cycles a token", "roofline", "clock",
                          "tokens/s", "times"], rows=rows)


def main():
    """Measure what is asked for."""
    known = {"speed": speed, "golden": golden, "timeline": timeline,
             "predicted": predicted}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", metavar="speed|golden|timeline|predicted",
                        help="default: all")
    parser.add_argument("--preset", action="append", help="speed of this preset; may be repeated")
    parser.add_argument("--tokens", type=int, default=200, help="tokens compared with golden")
    parser.add_argument("--tokens-of-speed", type=int, default=8, help="tokens of a benchmark")
    parser.add_argument("--text", help="a text to teacher-force as many tokens of")
    args = parser.parse_args()
    if unknown := set(args.what) - set(known):
        parser.error(f"unknown: {', '.join(unknown)}; choose of {', '.join(known)}")
    for name in args.what or known:
        known[name](args)


if __name__ == "__main__":
    main()
