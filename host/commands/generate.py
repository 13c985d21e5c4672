"""`trine generate`: text from a model on a board. Option names and defaults are llama.cpp's."""

import json
import random
import sys
import time

from trine.host.generate import Generation
from trine.host.power import REFERENCE_BOARD
from trine.host.report import Report
from trine.host.sampling import Sampling
from trine.hw.boards import find_board

from .common import add_device, add_model, load_model, loaded_board, meter_reading, number

__all__ = ["add_arguments", "run"]

HELP = "generate text"


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("-p", "--prompt", default="Once upon a time", metavar="TEXT",
                        help="text to continue (default: %(default)s)")
    parser.add_argument("-n", "--predict", type=number(int, 0, 1 << 30, also=-1), default=-1,
                        metavar="N", help="tokens to generate (default: -1, until the text ends)")
    parser.add_argument("--temp", type=number(float, 0, 100), default=0.8, metavar="T",
                        help="temperature; 0 takes the likeliest token (default: %(default)s)")
    parser.add_argument("--top-k", type=number(int, 0, 1 << 20), default=40, metavar="K",
                        help="sample among the K likeliest; 0: among all (default: %(default)s)")
    parser.add_argument("--top-p", type=number(float, 0, 1), default=0.95, metavar="P",
                        help="sample among those that make up P (default: %(default)s)")
    parser.add_argument("--min-p", type=number(float, 0, 1), default=0.05, metavar="P",
                        help="drop what is less likely than P times the best (default: "
                             "%(default)s)")
    parser.add_argument("--repeat-penalty", type=number(float, 0.01, 100), default=1.0,
                        metavar="R", help="penalty on recent tokens (default: 1, none)")
    parser.add_argument("-s", "--seed", type=number(int, 0, 0xFFFFFFFF, also=-1), default=-1,
                        metavar="SEED", help="seed of the sampling (default: -1, random)")
    parser.add_argument("--stop", action="append", default=[], metavar="TEXT",
                        help="end where the text would contain TEXT; may be given repeatedly")
    parser.add_argument("--ignore-eos", action="store_true",
                        help="go on behind the end of a text")
    parser.add_argument("--sample-on-board", action="store_true",
                        help="let the board sample by temperature alone, and feed itself")
    parser.add_argument("--board", metavar="BOARD", default=REFERENCE_BOARD,
                        help="board whose watts are estimated (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="report where the cycles went")
    add_device(parser)


class _Stopper:
    """Holds text back while it may be the beginning of a stop text."""

    def __init__(self, stops):
        self.stops = [stop for stop in stops if stop]
        self.held = ""
        self.done = False

    def feed(self, text):
        """Take text; return what is certain to belong to the output."""
        self.held += text
        found = [at for at in (self.held.find(stop) for stop in self.stops) if at >= 0]
        if found:
            self.done = True
            self.held = self.held[:min(found)]
            return self.flush()
        keep = max((n for stop in self.stops for n in range(1, len(stop))
                    if self.held.endswith(stop[:n])), default=0)
        out, self.held = self.held[:len(self.held) - keep], self.held[len(self.held) - keep:]
        return out

    def flush(self):
        """Return what is held back."""
        out, self.held = self.held, ""
        return out


def _stream(generation, decoder, stopper, show):
    """Run the generation; return (text, whether it was interrupted)."""
    text = []

    def put(piece):
        text.append(piece)
        show(piece)

    interrupted = False
    tokens = iter(generation)
    try:
        for token in tokens:
            put(stopper.feed(decoder.feed(token)))
            if stopper.done:
                break
    except KeyboardInterrupt:
        interrupted = True
    finally:
        tokens.close()
    if not stopper.done:
        put(stopper.feed(decoder.finish()) + stopper.flush())
    return "".join(text), interrupted


def run(args):
    """Carry out the command; return the exit code."""
    seed = random.SystemRandom().randrange(1 << 32) if args.seed == -1 else args.seed
    sampling = Sampling(temperature=args.temp, top_k=args.top_k, top_p=args.top_p,
                        min_p=args.min_p, repeat_penalty=args.repeat_penalty, seed=seed)
    reading = meter_reading(find_board(args.board).name)
    model = load_model(args)
    tokenizer = model.tokenizer
    prompt = [tokenizer.begin, *tokenizer.encode(args.prompt)]
    with loaded_board(args, model) as board:
        if not args.sample_on_board and (args.top_k == 0 or args.top_k > 64):
            print("reading all logits of every token, which is slower than --top-k 40",
                  file=sys.stderr)
        generation = Generation(
            board, model, prompt, None if args.predict == -1 else args.predict, sampling,
            on_board=args.sample_on_board, end=None if args.ignore_eos else tokenizer.end)

        def show(piece):
            if not args.json:
                sys.stdout.write(piece)
                sys.stdout.flush()

        show(args.prompt)
        begin, cycles = time.monotonic(), getattr(board.transport, "cycles", None)
        text, interrupted = _stream(generation, tokenizer.stream(), _Stopper(args.stop), show)
        seconds = time.monotonic() - begin
        show("\n")
        report = Report(
            model=model, config=board.config, text=args.prompt + text, prompt_tokens=len(prompt),
            generated_tokens=len(generation.tokens), seed=seed, counters=generation.counters,
            clock_source=board.clock_source, seconds=seconds,
            simulated_cycles=None if cycles is None else board.transport.cycles - cycles,
            board=args.board, reading=reading)
    if args.json:
        print(json.dumps(report.as_dict()))
    else:
        for line in report.lines():
            print(line, file=sys.stderr)
        if args.verbose:
            for line in report.causes():
                print(line, file=sys.stderr)
    return 130 if interrupted else 0
