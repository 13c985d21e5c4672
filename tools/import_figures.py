"""Import checkpoints of published shapes with random weights; measure time, memory and distances.

    python tools/import_figures.py [FOLDER]

The published weights are not needed: the checkpoints have the exact layout, in BF16, with random
weights. The shape of 370 M is imported and compared, over 32 tokens, with the independent forward
pass in PyTorch (tests/published.py), with its own float32 and with the golden model; that of 2.7 B
shows that memory does not grow with layers. Needs PyTorch, 7 GB of disk in FOLDER (a temporary one
by default), 6 GB of memory and half an hour; writes a record, which ``tools/results.py`` takes into
docs/results.md.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from record import write_record
from tqdm import tqdm

from trine.firmware.isa import LOGIT_FRACTION
from trine.host.checkpoint import Checkpoint, expected_shapes
from trine.host.model import Model
from trine.host.tokenizer import Tokenizer
from trine.sim.golden.mlgru import MLGRU
from trine.sim.reference import Reference

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from checkpoints import rounded
from published import published

#: Layers, dim, hidden and vocabulary.
SHAPES = {"370m": (24, 1024, 2816, 32000), "2.7b": (32, 2560, 6912, 32000)}
TOKENS = 32


def make(folder, shape):
    """Write a checkpoint of random weights in BF16, tensor by tensor."""
    layers, dim, hidden, vocab = shape
    config = {"model_type": "hgrn_bit", "architectures": ["HGRNBitForCausalLM"],
              "hidden_size": dim, "intermediate_size": hidden, "num_hidden_layers": layers,
              "vocab_size": vocab, "rms_norm_eps": 1e-6, "use_lower_bound": True,
              "use_short_conv": False, "num_heads": 1, "expand_ratio": 1, "hidden_act": "swish",
              "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    # One character a token: no text is needed to make it, and the published one has as many.
    symbols = "".join(map(chr, range(0x4E00, 0x4E00 + vocab - 1)))
    (folder / "tokenizer.json").write_text(Tokenizer.train([symbols], kind="char").to_json())
    shapes, header, at = expected_shapes(config), {}, 0
    for name, size in shapes.items():
        length = 2 * int(np.prod(size))
        header[name] = {"dtype": "BF16", "shape": size, "data_offsets": [at, at + length]}
        at += length
    rng = np.random.default_rng(1)
    with open(folder / "model.safetensors", "wb") as file:
        text = json.dumps(header).encode()
        file.write(len(text).to_bytes(8, "little") + text)
        for name, size in tqdm(shapes.items(), desc="making", unit="tensor", disable=None):
            values = rng.standard_normal(size, np.float32)
            if name == "model.embeddings.weight":
                values *= 0.5
            elif len(size) == 1:
                values = np.exp(0.3 * values)
            elif name != "model.lower_bounds":
                values /= np.float32(np.sqrt(size[1]))
            file.write(rounded(values, "BF16")[1])


def imported(folder, out):
    """Import in a process of its own; return what the command reports."""
    command = [sys.executable, "-m", "trine.host.cli", "import", folder, "-o", out, "--json"]
    facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    size = (folder / "model.safetensors").stat().st_size
    return {"checkpoint_bytes": size} | {key: facts[key] for key in (
        "bytes", "n_layers", "dim", "hidden_dim", "vocab_size", "ternary_weights", "saturations",
        "golden_tokens", "seconds", "peak_bytes")}


class _Doubles(dict):
    """The tensors of a checkpoint as PyTorch's doubles, read when asked for."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint

    def __missing__(self, name):
        return torch.from_numpy(self.checkpoint[name].astype(np.float64))


def forward(reference, tokens):
    """Return logits and codes by name."""
    codes = {}

    def watch(name, values):
        if name.endswith(".codes"):
            codes[name] = values.astype(np.int8)

    logits, _ = reference.forward(tokens, reference.zero_state(), watch)
    return logits.astype(np.float64), codes


def distance(logits, expected):
    """Return KL in nats a token, equal argmax and the relative error of the logits."""
    def log_softmax(x):
        x = x - x.max(-1, keepdims=True)
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    a, b = log_softmax(expected), log_softmax(logits)
    return {"kl": float((np.exp(a) * (a - b)).sum(-1).mean()),
            "argmax_agreement": float((a.argmax(-1) == b.argmax(-1)).mean()),
            "relative_error": float(np.abs(logits - expected).max() / np.abs(expected).max())}


def code_flips(codes, expected):
    """Return the share of int8 codes that differ, and how many there are."""
    differ = sum(int((codes[name] != expected[name]).sum()) for name in expected)
    count = sum(values.size for values in expected.values())
    return {"codes": count, "codes_differ": differ, "code_flips": differ / count}


def distances(folder, model):
    """Return the distances of independent pass, float32 and golden model from the reference."""
    checkpoint = Checkpoint(folder)
    layers = checkpoint.config["num_hidden_layers"]
    tokens = np.random.default_rng(2).integers(0, model.vocab_size, TOKENS).tolist()
    with tqdm(total=4, unit="model", disable=None) as bar:
        bar.set_description("reference")
        logits, codes = forward(Reference(checkpoint, checkpoint.config), tokens)
        bar.update()
        bar.set_description("float32")
        single, single_codes = forward(Reference(checkpoint, checkpoint.config, np.float32), tokens)
        bar.update()
        bar.set_description("independent")
        heard = {}
        torch.set_grad_enabled(False)
        expected = published(_Doubles(checkpoint), tokens, layers, lambda name, values: (
            heard.setdefault(name, []).append(values.numpy().astype(np.int8)))).numpy()
        names = {"gate_up": "mlp.gate_proj", "down": "mlp.down_proj"} | {
            key: f"attn.{key}_proj" for key in "ifgo"}
        independent = {"head.codes": np.array(heard["lm_head"])} | {
            f"layers.{n}.{key}.codes": np.array(heard[f"model.layers.{n}.{name}"])
            for n in range(layers) for key, name in names.items()}
        bar.update()
        bar.set_description("golden")
        golden, golden_codes, integers = MLGRU(model), {}, []

        def watch(name, values, fraction):
            if name.endswith(".codes"):
                golden_codes.setdefault(name, []).append(values.astype(np.int8))

        for token in tokens:
            integers.append(golden.step(token, watch) / 2.0**LOGIT_FRACTION)
        golden_codes = {name: np.array(values) for name, values in golden_codes.items()}
        bar.update()
    return {"tokens": TOKENS,
            "independent": distance(logits, expected) | code_flips(codes, independent),
            "float32": distance(single, logits) | code_flips(single_codes, codes),
            "golden": distance(np.array(integers), logits) | code_flips(golden_codes, codes)}


def measure(folder):
    """Return the record's content."""
    content = {}
    for name, shape in SHAPES.items():
        make(folder / name, shape)
        out = folder / f"{name}.safetensors"
        content[name] = imported(folder / name, out)
        if name == "370m":
            content["distances"] = distances(folder / name, Model.load(out))
        (folder / name / "model.safetensors").unlink()
    return content


def page(content):
    """Return title, text and table of the record."""
    found = content["distances"]
    names = {"independent": "independent forward pass in PyTorch, float64",
             "float32": "float32 reference", "golden": "golden integers"}
    rows = [[name, f"{found[key]['relative_error']:.1e}", f"{found[key]['code_flips']:.2%}",
             f"{found[key]['kl']:.1e}", f"{found[key]['argmax_agreement']:.1%}"]
            for key, name in names.items()]
    sizes = "; ".join(
        f"{name}: {each['n_layers']} layers, dim {each['dim']}, "
        f"{each['checkpoint_bytes'] / 1e6:.0f} MB of BF16 into {each['bytes'] / 1e6:.0f} MB in "
        f"{each['seconds']:.0f} s with {each['peak_bytes'] / 2**30:.2f} GiB of memory at the most, "
        f"{each['saturations']} results saturated over {each['golden_tokens']} tokens"
        for name, each in content.items() if name != "distances")
    return {
        "title": "Importing a checkpoint", "order": 87,
        "columns": ["beside the float64 reference", "largest error of a logit, relative",
                    "int8 codes that differ", "KL, nats a token", "same argmax"],
        "rows": rows,
        "text": [
            f"`trine import` of checkpoints with random weights in published shapes, on a shared "
            f"machine of two cores that had other work. {sizes}. Memory holds one layer at a time.",
            f"Distances over {found['tokens']} tokens of the 370m shape, and "
            f"{found['independent']['codes']:,} int8 codes. Weights without training are the worst "
            f"case: 24 layers amplify each code that flips, in float32 as in integers. The model "
            f"that comes with Trine is in [its card](../host/models/tales.md)."]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as temporary:
        content = measure(Path(temporary))
    print(write_record("import", "python tools/import_figures.py", **page(content), **content))
