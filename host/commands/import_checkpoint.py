"""`trine import`: a model file from a checkpoint in the Hugging Face layout."""

import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from trine.host.checkpoint import Checkpoint
from trine.host.importer import import_checkpoint

from .common import UsageError, number, read_text

__all__ = ["add_arguments", "run"]

HELP = "make a model file of a MatMul-free LM checkpoint (Hugging Face layout)"


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument("path", metavar="PATH",
                        help="folder with config.json, model*.safetensors and tokenizer.json or "
                             "tokenizer.model")
    parser.add_argument("-o", "--out", metavar="FILE", default=None,
                        help="model file to write (default: PATH.safetensors)")
    parser.add_argument("--text", metavar="FILE", default=None,
                        help="text over which the number formats are chosen (default: tokens "
                             "drawn from the whole vocabulary)")
    parser.add_argument("--tokens", metavar="N", type=number(int, 2, 1 << 20), default=512,
                        help="tokens of it to use (default: %(default)s)")
    parser.add_argument("--keep-vocab", metavar="N", type=number(int, 1, 1 << 20), default=None,
                        help="keep only the N tokens that the text needs most, for small memories, "
                             "and say what that costs")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def _peak_bytes():
    """Return the most memory that this process ever held."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux counts what stood in memory before the program was loaded as the usage's peak.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run(args):
    """Carry out the command; return the exit code."""
    if args.keep_vocab and not args.text:
        raise UsageError("Option --keep-vocab needs --text, which says what tokens are needed")
    folder = Path(args.path)
    out = Path(args.out or f"{folder.resolve()}.safetensors")
    text = read_text(args.text) if args.text else None
    begin, layers = time.monotonic(), Checkpoint(folder).config["num_hidden_layers"]
    with tqdm(total=2 * layers + 4, unit="part", desc="importing", leave=False, delay=1,
              disable=None, file=sys.stderr) as bar:
        made = import_checkpoint(folder, out, text=text, tokens=args.tokens, keep=args.keep_vocab,
                                 progress=bar.update)
    seconds, peak = time.monotonic() - begin, _peak_bytes()
    facts = {"file": str(out), "bytes": out.stat().st_size} | asdict(made) | {
        "seconds": round(seconds, 2), "peak_bytes": peak}
    if args.json:
        print(json.dumps(facts))
        return 0
    print(f"{out} is ready: {made.n_layers} layers, dim {made.dim}, hidden {made.hidden_dim}, "
          f"{made.vocab_size} tokens, {made.ternary_weights:,} ternary weights, "
          f"{facts['bytes'] / 1e6:.2f} MB")
    if loss := made.reduced_vocabulary:
        print(f"the smaller vocabulary takes {loss.tokens_after} tokens where the whole one took "
              f"{loss.tokens_before}, and {loss.bits_per_char_after:.4f} bits/char where it took "
              f"{loss.bits_per_char_before:.4f}, over {loss.characters} characters")
    print(f"{made.saturations} results saturated over {made.golden_tokens} tokens; "
          f"{seconds:.1f} s, {peak / 2**30:.2f} GiB at the most")
    return 0
