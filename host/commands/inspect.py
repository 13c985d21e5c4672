"""`trine inspect`: what a model is, what it takes on a board, what its tape says."""

import json

from trine.firmware.assembler import disassemble, listing
from trine.firmware.config import PRESETS, preset
from trine.firmware.isa import N_SCALARS
from trine.host.calibration import format_lines

from .common import add_model, load_model

__all__ = ["add_arguments", "block_rams", "run"]

HELP = "show a model, its budget on a board and its tape"

#: Bits of an ECP5 block RAM.
_BLOCK_RAM_BITS = 18432


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ulx3s",
                        help="configuration of the board (default: ulx3s)")
    parser.add_argument("--tape", choices=("load", "token", "save", "restore"), default=None,
                        help="list the instructions of a tape")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def block_rams(config):
    """Return the ECP5 block RAMs of each memory, estimated from its bits, by name."""
    slots = config.slots
    bits = {
        "tape FIFO": 8 * config.fifo_bytes,
        "vector memory, two copies": 2 * 36 * config.vector_words * slots,
        "constant memory": 18 * config.constant_words,
        "state memory": 36 * config.state_words * slots,
        "code memory": 9 * config.code_words * slots,
        "logit buffer": 36 * config.logit_words * slots,
        "token ring": 2 * 36 * 1024 * slots,
        "sigmoid and noise tables": 36 * 1024 + 2 * 18 * 1024,
        "scalar registers": 41 * N_SCALARS * slots,
        "link buffers": 3 * 9 * 2048,
    }
    return {name: -(-size // _BLOCK_RAM_BITS) for name, size in bits.items()}


def run(args):
    """Carry out the command; return the exit code."""
    model, config = load_model(args), preset(args.preset)
    image = model.image(config)
    tape = image.tapes["token"]
    rams = block_rams(config)
    zeros = sum(int((p.trits == 0).sum()) for p in model.projections.values())
    facts = {
        "name": model.card.get("name", "unnamed"), "dim": model.dim,
        "hidden_dim": model.hidden_dim, "n_layers": model.n_layers,
        "vocab_size": model.vocab_size, "tokenizer": model.tokenizer.kind,
        "ternary_weights": model.ternary_weights,
        "zero_share": round(zeros / model.ternary_weights, 4),
        "residual_fraction": model.residual_fraction,
        "embedding_fraction": model.embedding_fraction,
        "formats": [vars(layer.formats) for layer in model.layers],
        "calibration": model.calibration,
        "preset": config.name, "memory_bytes_used": image.size,
        "memory_size": config.memory_size, "token_tape_bytes": tape.size,
        "token_tape_overhead": round(tape.size * 5 / model.ternary_weights - 1, 4),
        "vector_words": [image.vector_words, config.vector_words],
        "constant_words": [image.constant_words, config.constant_words],
        "state_words": [image.state_words, config.state_words],
        "code_words": [image.code_words, config.code_words],
        "block_rams": rams, "block_rams_total": sum(rams.values()),
    }
    code = None
    if args.tape:
        placed = image.tapes[args.tape]
        start = placed.base * config.memory_bytes
        code = list(listing(disassemble(image.data[start:start + placed.size], config.lanes)))
    if args.json:
        print(json.dumps(facts | ({} if code is None else {"tape": code})))
        return 0
    print(f"{facts['name']}: MLGRU, {model.n_layers} layers, dim {model.dim}, hidden "
          f"{model.hidden_dim}, {model.vocab_size} tokens ({model.tokenizer.kind})")
    print(f"  {model.ternary_weights:,} ternary weights, {facts['zero_share']:.1%} zeros; "
          f"{model.ternary_weights / 5 / 1e6:.2f} MB packed")
    print("\n".join(f"  {line}" for line in format_lines(model)))
    print(f"on {config.name}:")
    print(f"  memory {image.size:,} of {config.memory_size:,} bytes; token tape {tape.size:,} "
          f"bytes, {facts['token_tape_overhead']:.2%} more than its weights")
    for name in ("vector", "constant", "state", "code"):
        used, size = facts[f"{name}_words"]
        print(f"  {name} memory {used:,} of {size:,} words")
    print(f"  block RAMs, estimated: {sum(rams.values())} (ULX3S-85F has 208)")
    for name, count in rams.items():
        print(f"    {count:4} {name}")
    if code is not None:
        print(f"tape {args.tape}:")
        print("\n".join(f"  {line}" for line in code))
    return 0
