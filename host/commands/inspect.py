"""`trine inspect`: what a model is, what it takes on a board, what its tape says."""

import json

from trine.firmware.assembler import disassemble, listing
from trine.firmware.config import PRESETS, preset
from trine.firmware.isa import N_SCALARS
from trine.host.calibration import format_lines

from .common import add_model, load_model

__all__ = ["add_arguments", "block_rams", "run"]

HELP = "show a model, its budget on a board and its tape"

#: Rows and bits of an ECP5 block RAM, which it may be configured for.
_SHAPES = (512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)
#: What an image is counted in: a block RAM without its parity bits, 2 KiB.
_BLOCK_BYTES = 2048


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ulx3s",
                        help="configuration of the board (default: ulx3s)")
    parser.add_argument("--tape", choices=("load", "token", "save", "restore"), default=None,
                        help="list the instructions of a tape")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def _blocks(rows, bits, copies=1):
    """Return the block RAMs of memories of ``rows`` rows, as few as their shape allows."""
    return copies * min(-(-rows // r) * -(-bits // b) for r, b in _SHAPES)


def block_rams(config):
    """Return the ECP5 block RAMs of each memory by name, as Yosys should map it."""
    slots, lanes = config.slots, config.vector_lanes
    words = config.fifo_bytes // config.word_bytes
    rows = {name: slots * getattr(config, f"{name}_words") // lanes
            for name in ("vector", "state", "code")}
    on_chip = {"tape memory": _blocks(config.memory_beats, 8 * config.memory_bytes)}
    return (on_chip if config.on_chip else {}) | {
        "tape FIFO": _blocks(words, 8 * config.word_bytes) if words > 16 else 0,
        "vector memory, two copies": _blocks(rows["vector"], 32, 2 * lanes),
        "constant memory": _blocks(config.constant_words // lanes, 16, lanes),
        "state memory": _blocks(rows["state"], 32, lanes),
        "code memory": _blocks(rows["code"] // slots, 8 * lanes, slots),
        "results on their way": _blocks(512, 24 + 33 * lanes),
        "logit buffer": _blocks(slots * config.logit_words, 32),
        "candidates": _blocks(128 * slots, 32, 2),
        "token queue and ring": _blocks(config.token_queue * slots, 18)
        + _blocks(config.ring_entries * slots, 50),
        "sigmoid and noise tables": _blocks(1024, 40, lanes) + 1,
        "scalar registers, commands": _blocks(N_SCALARS * slots + 16, 18, 4),
        "counters and link": 1 + _blocks(2048, 8, 4),
    }


def run(args):
    """Carry out the command; return the exit code."""
    model, config = load_model(args), preset(args.preset)
    # A model that needs more memory than there is shall be told by how much.
    image = model.image(config.replace(memory_size=1 << 32))
    missing = max(0, image.size - config.memory_size)
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
        "memory_size": config.memory_size, "memory_missing": missing,
        "image_blocks": -(-image.size // _BLOCK_BYTES), "token_tape_bytes": tape.size,
        "token_tape_overhead": round(tape.size * 5 / model.ternary_weights - 1, 4),
        "vector_words": [image.vector_words, config.vector_words],
        "constant_words": [image.constant_words, config.constant_words],
        "state_words": [image.state_words, config.state_words],
        "state_bytes_streamed": image.streamed_bytes,
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
    if missing:
        print(f"  DOES NOT FIT: {missing:,} bytes of memory too few"
              + (f", {-(-missing // _BLOCK_BYTES)} block RAMs of 2 KiB" if config.on_chip else ""))
    for name in ("vector", "constant", "state", "code"):
        used, size = facts[f"{name}_words"]
        print(f"  {name} memory {used:,} of {size:,} words")
    if image.streamed_bytes:
        print(f"  state streamed: {image.streamed_bytes:,} bytes loaded and stored for each token "
              f"of a slot")
    print(f"  block RAMs, estimated: {sum(rams.values())} (ULX3S-85F has 208)"
          + (f"; the image takes {facts['image_blocks']} at 2 KiB each" if config.on_chip else ""))
    for name, count in rams.items():
        print(f"    {count:4} {name}")
    if code is not None:
        print(f"tape {args.tape}:")
        print("\n".join(f"  {line}" for line in code))
    return 0
