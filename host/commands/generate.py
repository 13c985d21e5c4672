"""`trine generate`: text from a model on a board. Option names and defaults are llama.cpp's."""

import json
import random
import sys
import time
from dataclasses import replace

from trine.firmware.registers import SLOTS
from trine.host.generate import Generation
from trine.host.power import REFERENCE_BOARD
from trine.host.report import Report
from trine.host.sampling import Sampling
from trine.host.slot_reports import SpeculationReport
from trine.host.speculation import Speculation, check_drafts
from trine.host.text_stream import TextStream
from trine.hw.boards import find_board

from .common import (
    UsageError,
    add_device,
    add_model,
    load_model,
    loaded_board,
    meter_reading,
    number,
)
from .generate_many import generate_many, reading_prompt

__all__ = ["add_arguments", "run"]

HELP = "generate text"

_PROMPT = "Once upon a time"


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("-p", "--prompt", action="append", default=None, metavar="TEXT",
                        help="text to continue; given repeatedly, the texts share the board's "
                             f"slots (default: {_PROMPT})")
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
    parser.add_argument("--parallel", type=number(int, 1, 4096), default=1, metavar="N",
                        help="texts of each prompt, with the seeds SEED to SEED + N - 1 (default: "
                             "%(default)s)")
    parser.add_argument("--speculate", type=number(int, 1, SLOTS - 1), nargs="?", const=0,
                        default=None, metavar="N",
                        help="draft up to N tokens from what the text said before, and check them "
                             "in other slots by the same step: the same text, sooner where it "
                             "repeats itself (default for N: as many as there are other slots)")
    parser.add_argument("--board", metavar="BOARD", default=REFERENCE_BOARD,
                        help="board whose watts are estimated (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="report where the cycles went")
    add_device(parser)


def _stream(generation, stream, show):
    """Run the generation and show its text; return whether it was interrupted."""
    tokens = iter(generation)
    try:
        for token in tokens:
            show(stream.feed(token))
            if stream.stopped:
                break
    except KeyboardInterrupt:
        return True
    finally:
        tokens.close()
        show(stream.finish())
    return False


def _one(args, model, board, prompt, sampling, show):
    """Generate one text; return (:class:`Report`, whether it was interrupted)."""
    tokenizer = model.tokenizer
    tokens = [tokenizer.begin, *tokenizer.encode(prompt)]
    settings = {"on_board": args.sample_on_board,
                "end": None if args.ignore_eos else tokenizer.end}
    count = None if args.predict == -1 else args.predict
    with reading_prompt(len(tokens) - 1) as settings["progress"]:
        if args.speculate is None:
            generation = Generation(board, model, tokens, count, sampling, **settings)
        else:
            generation = Speculation(board, model, tokens, count, sampling,
                                     drafts=args.speculate or None, **settings)
        stream = TextStream(tokenizer.stream(), args.stop)
        show(prompt)
        begin, cycles = time.monotonic(), getattr(board.transport, "cycles", None)
        interrupted = _stream(generation, stream, show)
        seconds = time.monotonic() - begin
    show("\n")
    figures = {
        "model": model, "config": board.config, "text": prompt + stream.text,
        "prompt_tokens": len(tokens), "generated_tokens": len(generation.tokens),
        "seed": sampling.seed, "counters": generation.counters,
        "prompt_counters": generation.prompt_counters, "clock_source": board.clock_source,
        "seconds": seconds,
        "simulated_cycles": None if cycles is None else board.transport.cycles - cycles}
    if args.speculate is None:
        return Report(**figures), interrupted
    return SpeculationReport(plays=generation.plays, drafted=generation.drafted,
                             accepted=generation.accepted, **figures), interrupted


def _prepare(args, prompts):
    """Return what is checked of a board before the model is uploaded, or None."""
    if args.speculate is None:
        return None
    if len(prompts) * args.parallel > 1:
        raise UsageError("--speculate gives the slots of a board to one text; leave it out, or "
                         "give one prompt")
    return lambda board: check_drafts(args.speculate or None, board.config.slots)


def run(args):
    """Carry out the command; return the exit code."""
    seed = random.SystemRandom().randrange(1 << 32) if args.seed == -1 else args.seed

    def sampling(number):
        return Sampling(temperature=args.temp, top_k=args.top_k, top_p=args.top_p,
                        min_p=args.min_p, repeat_penalty=args.repeat_penalty,
                        seed=(seed + number) & 0xFFFFFFFF)

    def show(piece):
        if not args.json:
            sys.stdout.write(piece)
            sys.stdout.flush()

    prompts = args.prompt or [_PROMPT]
    prepare = _prepare(args, prompts)
    reading = meter_reading(find_board(args.board).name)
    model = load_model(args)
    with loaded_board(args, model, prepare) as board:
        if not args.sample_on_board and sampling(0).all_logits:
            print("reading all logits of every token, which is slower than --top-k 40",
                  file=sys.stderr)
        if len(prompts) * args.parallel == 1:
            report, interrupted = _one(args, model, board, prompts[0], sampling(0), show)
        else:
            report, interrupted = generate_many(args, model, board, prompts, sampling, show)
    report = replace(report, board=args.board, reading=reading)
    if args.json:
        print(json.dumps(report.as_dict()))
    else:
        for line in report.lines():
            print(line, file=sys.stderr)
        if args.verbose:
            for line in report.causes():
                print(line, file=sys.stderr)
    return 130 if interrupted else 0
