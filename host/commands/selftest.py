"""`trine selftest`: the memory, then golden model and device side by side, down to every logit."""

import json
import sys

import numpy as np
from tqdm import tqdm

from trine.firmware.registers import RunFlags, State
from trine.host.memory_check import check_addresses, check_memory, describe_addresses
from trine.host.phase_sweep import sweep
from trine.sim.golden.machine import Machine

from .common import add_device, add_model, load_model, loaded_board, number

__all__ = ["add_arguments", "compare", "run"]

HELP = "test a device's memory, and compare it with the golden model, token by token"

#: Bytes of memory tested on a simulated device, and at each phase, on a board and on a simulated
#: one: some seconds' worth.
_SIMULATED_MEMORY = 1 << 20
_SWEPT, _SIMULATED_SWEPT = 4 << 20, 64 << 10


class MemoryFault(Exception):
    """The memory fails its test; the message is one sentence for people."""


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("--tokens", type=number(int, 1, 1 << 20), default=32, metavar="N",
                        help="tokens to compare (default: %(default)s)")
    parser.add_argument("--text", metavar="FILE", default=None,
                        help="teacher-force the first N tokens of a text instead of sampling")
    parser.add_argument("--temp", type=number(float, 0, 100), default=0.8, metavar="T",
                        help="temperature of the board's own sampler (default: %(default)s)")
    parser.add_argument("-s", "--seed", type=number(int, 0, 0xFFFFFFFF), default=1, metavar="SEED",
                        help="seed of the sampling (default: %(default)s)")
    parser.add_argument("--memory", type=number(int, 0, 1 << 20), default=None, metavar="MB",
                        help="megabytes of memory to test; the model is uploaded afterwards "
                             "(default: all, 1 on a simulated board)")
    parser.add_argument("--phase-sweep", action="store_true",
                        help="find the phases of the memory's clock at which it works")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    add_device(parser)


def compare(board, model, tokens, count, *, temperature, seed, progress=None):
    """Run ``count`` tokens on the board and on the golden machine.

    tokens : input tokens; where they end, each side is fed what it sampled itself
    returns : dict with tokens, mismatches (plays whose logits' CRC or sampled token differ, plus
    one for a state that differs at the end), first_mismatch, state_equal
    """
    config = board.config
    image = model.image(config)
    machine = Machine(config, image.data)
    machine.play(image.tapes["load"], None)
    machine.slots[0].seed = seed
    machine.slots[0].beta = None if temperature <= 0 else round(256 / temperature)
    board.sample_on_board(temperature, seed)

    first = board.read("TOKEN_COUNT", 0)
    queued = board.queue(tokens)
    feedback = queued == len(tokens)
    board.start("token", count=count, reset=1, feedback=int(feedback), flags=RunFlags.TOKENS)
    mismatches, first_mismatch, sampled, done = 0, None, None, 0
    while done < count:
        state = board.status()
        queued += board.queue(tokens[queued:])
        ready = (board.read("TOKEN_COUNT", 0) - first) % (1 << 32) - done
        for token, crc in board.sampled(first + done, ready):
            given = tokens[done] if done < len(tokens) else sampled
            sampled = machine.play(image.tapes["token"], [given] + [0] * (config.slots - 1), [0])[0]
            if (token, crc) != (sampled, machine.slots[0].sampler.crc):
                mismatches += 1
                first_mismatch = done if first_mismatch is None else first_mismatch
                sampled = token
            done += 1
            if progress:
                progress(1)
        if not ready:
            if state == State.WAITING and queued == len(tokens) and not feedback:
                raise RuntimeError("A run must not wait once its text is queued")
            board.transport.pause(1e-4)
    board.wait(State.IDLE)
    equal = np.array_equal(board.state(), machine.state(image))
    return {"tokens": count, "mismatches": mismatches + (not equal),
            "first_mismatch": first_mismatch, "state_equal": bool(equal)}


def _progress(**options):
    return tqdm(leave=False, disable=None, file=sys.stderr, **options)


def check_board(board, args, result):
    """Sweep the phase where asked for, and test the memory.

    result : dict that gets ``phase`` and ``memory`` as far as they are known
    """
    result |= {"memory": None, "phase": None, "fault": None}
    if args.phase_sweep:
        size = _SIMULATED_SWEPT if board.transport.simulated else _SWEPT
        size = min(size, board.config.memory_size)
        with _progress(total=board.read("PHASE_STEPS"), unit="phase", desc="sweeping") as bar:
            found = sweep(board, size, bar.update)
        result["phase"] = found.as_dict()
        if not args.json:
            print(*found.lines(), sep="\n")
        if not found.window:
            raise MemoryFault("The memory works at no phase of its clock")
    size = board.config.memory_size if args.memory is None else args.memory << 20
    if args.memory is None and board.transport.simulated:
        size = _SIMULATED_MEMORY
    if not size:
        return
    if not board.transport.simulated:
        print("The memory test overwrites what the board holds; the model is uploaded anew",
              file=sys.stderr)
    ignored = check_addresses(board)
    if ignored:
        raise MemoryFault(describe_addresses(board, ignored))
    size = min(size, board.config.memory_size)
    with _progress(total=4 * size, unit="B", unit_scale=True, desc="testing memory") as bar:
        found = check_memory(board, size, bar.update)
    result["memory"] = found.as_dict()
    if found.errors:
        raise MemoryFault(found.sentence())
    if not args.json:
        print(found.sentence())


def run(args):
    """Carry out the command; return the exit code, 1 for any mismatch."""
    model = load_model(args)
    tokens = [model.tokenizer.begin, *model.tokenizer.encode(
        "Once upon a time" if model.tokenizer.kind == "bpe" else "")]
    if args.text:
        with open(args.text, encoding="utf-8") as file:
            tokens = [model.tokenizer.begin, *model.tokenizer.encode(file.read())][:args.tokens]
        if len(tokens) < args.tokens:
            raise ValueError(f"File {args.text} has only {len(tokens)} tokens with the begin "
                             f"token; ask for as many with --tokens, or give a longer text")
    tokens = tokens[:args.tokens]
    result = {}
    try:
        with loaded_board(args, model, lambda board: check_board(board, args, result)) as board, \
                _progress(total=args.tokens, unit="tok", desc="comparing") as bar:
            result |= compare(board, model, tokens, args.tokens, temperature=args.temp,
                              seed=args.seed, progress=bar.update)
            result["sdram_violations"] = getattr(board.transport, "violations", None)
    except MemoryFault as fault:
        print(json.dumps(result | {"fault": str(fault)}) if args.json else fault)
        return 1
    passed = not result["mismatches"] and not result["sdram_violations"]
    if args.json:
        print(json.dumps(result))
    elif passed:
        print(f"{args.tokens} tokens: every logit and the final state equal the golden model")
    else:
        where = "" if result["first_mismatch"] is None else (
            f", the first at token {result['first_mismatch']}")
        print(f"{result['mismatches']} mismatches in {args.tokens} tokens{where}; state "
              f"{'equal' if result['state_equal'] else 'differs'}, SDRAM violations "
              f"{result['sdram_violations']}")
    return 0 if passed else 1
