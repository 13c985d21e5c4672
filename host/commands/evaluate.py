"""`trine eval`: how well a model predicts a text, by reference, golden model and device."""

import json
import sys
from functools import partial

import numpy as np
from tqdm import tqdm

from trine.host.calibration import Saturations
from trine.host.checkpoint import Checkpoint
from trine.host.evaluate import board_distance, compare, golden_logits, reference_logits, text_of
from trine.sim.reference import Reference

from .common import UsageError, add_device, add_model, load_model, loaded_board, number, read_text

__all__ = ["add_arguments", "load_reference", "run"]

HELP = "measure a model on a text: bits per character, and how far golden is from the reference"


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("file", metavar="FILE", help="text to predict")
    add_model(parser)
    add_checkpoint(parser)
    parser.add_argument("-n", "--tokens", metavar="N", type=number(int, 1, 1 << 30, also=-1),
                        default=2048, help="tokens from the text's start to measure, -1 for all "
                                           "(default: %(default)s)")
    parser.add_argument("--board-tokens", metavar="N", type=number(int, 0, 1 << 20), default=32,
                        help="tokens from the text's start to measure on the device too; 0 leaves "
                             "it out (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    add_device(parser)


def add_checkpoint(parser):
    """Add --checkpoint."""
    parser.add_argument("--checkpoint", metavar="DIR", default=None,
                        help="float checkpoint that the model was made of, as the reference "
                             "(default: what the model file's own numbers stand for)")


def load_reference(args, model):
    """Return the float64 :class:`Reference` that the options name."""
    if not args.checkpoint:
        return Reference.of_model(model)
    checkpoint = Checkpoint(args.checkpoint)
    sizes = {"vocab_size": model.vocab_size, "hidden_size": model.dim,
             "intermediate_size": model.hidden_dim, "num_hidden_layers": model.n_layers}
    different = [key for key, size in sizes.items() if checkpoint.config[key] != size]
    if not different:
        reference = Reference(checkpoint, checkpoint.config)
        if np.array_equal(reference.blocks[0].f.trits, model.layers[0].f.trits):
            return reference
        different = ["the weights"]
    raise UsageError(f"Checkpoint {args.checkpoint} is not the one that the model was made of: "
                     f"{different[0]} differ; give another one")


def _bar(total, name):
    return tqdm(total=total, unit="tok", desc=name, leave=False, delay=1, disable=None,
                file=sys.stderr)


def _on_board(args, model, text):
    """Return the :class:`BoardDistance` over the text's first tokens."""
    part = text_of(model.tokenizer, text, args.board_tokens)
    with (loaded_board(args, model) as board, _bar(args.board_tokens, board.transport.name) as bar):
        return board_distance(board, model, part, bar.update)


def run(args):
    """Carry out the command; return the exit code."""
    model, text = load_model(args), read_text(args.file)
    if args.tokens != -1:
        text = text_of(model.tokenizer, text, args.tokens)
    reference, saturations = load_reference(args, model), Saturations()
    board = _on_board(args, model, text) if args.board_tokens else None
    with _bar(len(model.tokenizer.encode(text)), "golden") as bar:
        distance = compare(
            partial(reference_logits, reference),
            partial(golden_logits, model, progress=bar.update, watch=saturations.watch),
            model.tokenizer, text)
    perplexities = distance.perplexities(len(text))
    facts = {
        "name": model.card.get("name", "unnamed"), "characters": len(text),
        "tokens": distance.tokens,
        "reference": "checkpoint" if args.checkpoint else "model file",
        "reference_bits_per_char": round(distance.first_bits_per_char, 6),
        "golden_bits_per_char": round(distance.second_bits_per_char, 6),
        "board_bits_per_char": None,
        "reference_perplexity": round(perplexities[0], 4),
        "golden_perplexity": round(perplexities[1], 4),
        "argmax_agreement": round(distance.argmax_agreement, 6), "kl": float(f"{distance.kl:.3g}"),
        "saturations": saturations.total,
    }
    if board:
        facts |= {
            "board_bits_per_char": board.bits_per_char and round(board.bits_per_char, 6),
            "board_tokens": board.tokens, "board_mismatches": board.mismatches,
            "board_logits_read": board.logits_read,
            "golden_bits_per_char_board_part": round(board.golden_bits_per_char, 6)}
    if args.json:
        print(json.dumps(facts))
    else:
        print("\n".join(_lines(facts, args.device)))
    return 1 if board and board.mismatches else 0


def _lines(facts, device):
    """Yield the table."""
    yield (f"{facts['name']} on {facts['characters']:,} characters, {facts['tokens']:,} tokens; "
           f"reference: float64, of the {facts['reference']}")
    yield f"{'':12}{'bits/char':>12}{'perplexity':>12}"
    for name in ("reference", "golden"):
        yield (f"{name:12}{facts[f'{name}_bits_per_char']:12.4f}"
               f"{facts[f'{name}_perplexity']:12.2f}  a token")
    yield (f"golden: argmax equal {facts['argmax_agreement']:.2%}, KL {facts['kl']:.1e} nats a "
           f"token, {facts['saturations']} results saturated")
    if "board_tokens" not in facts:
        return
    bits, golden = facts["board_bits_per_char"], facts["golden_bits_per_char_board_part"]
    how = "every logit read" if facts["board_logits_read"] else "by the CRC-32 of all logits"
    yield (f"{device}: first {facts['board_tokens']} tokens "
           + ("unknown" if bits is None else f"{bits:.4f}")
           + f" bits/char, golden {golden:.4f}; {facts['board_mismatches']} tokens differ from "
           f"golden ({how})")
