"""Pack a trained checkpoint, measure it on whole books, write its model file and card.

    python tools/model_card.py CHECKPOINT CURVE.jsonl BOOKS OUT [--characters N] [--golden N]

CHECKPOINT is a folder that `trine train` exported, CURVE.jsonl lies beside it, BOOKS is the folder
with the held-out books, OUT the model file; the card (.md) and the picture of the curve (.svg) get
its name. Needs matplotlib, for the picture. The float64 reference reads each book, or its first N
characters; the golden integers are compared with it over the first 40,000, or N.
"""

import argparse
import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.evaluate import compare, golden_logits, reference_bits_per_char, reference_logits
from trine.host.generate import Generation
from trine.host.links import LoopbackTransport
from trine.host.packing import pack_checkpoint, read_checkpoint
from trine.host.sampling import Sampling
from trine.sim.golden_board import GoldenBoard
from trine.sim.reference import Reference

PROMPTS = ("Once upon a time", "The fox said", "Far away in the forest")


def measure(checkpoint, model, books, characters, start):
    """Return bits/char of the reference over books, and the distances over their start.

    characters : of each book, all where it is None; start : characters of the start
    """
    tensors, config, tokenizer = read_checkpoint(checkpoint)
    exact, single = Reference(tensors, config), Reference(tensors, config, np.float32)
    measures = {}
    for name in ("503", "517"):
        text = (books / f"{name}.txt").read_text()[:characters]
        with tqdm(total=len(tokenizer.encode(text)), desc=name, unit="tok") as bar:
            whole = reference_bits_per_char(exact, tokenizer, text, bar.update)
        part = text[:start]
        golden = compare(partial(reference_logits, exact), partial(golden_logits, model),
                         tokenizer, part)
        floats = compare(partial(reference_logits, exact), partial(reference_logits, single),
                         tokenizer, part)
        measures[name] = {"reference_bits_per_char": round(whole, 4)} | {
            kind: {key: round(float(value), 6)
                   for key, value in dataclasses.asdict(distance).items()}
            for kind, distance in (("golden", golden), ("float32", floats))}
    return measures


def samples(model):
    """Return a text for each prompt, from the golden model with the default sampling."""
    texts = []
    count = 90 if model.tokenizer.kind == "bpe" else 300
    with Board(LoopbackTransport(GoldenBoard(preset("ulx3s")).receive), "assumed") as board:
        board.upload(model.image(board.config))
        for seed, prompt in enumerate(PROMPTS, 1):
            ids = [model.tokenizer.begin, *model.tokenizer.encode(prompt)]
            tokens = list(Generation(board, model, ids, count, Sampling(seed=seed)))
            texts.append(prompt + model.tokenizer.decode(tokens))
    return texts


def draw(curve, path):
    """Draw bits/char on the book that chose the model over the tokens trained."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([row["tokens"] / 1e6 for row in curve], [row["bits_per_char"] for row in curve],
              marker="o", markersize=3)
    axes.set_xlabel("million tokens")
    axes.set_ylabel("bits/char, book 5955")
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def card(model, measures, curve, texts, name, characters, start):
    """Return the card as Markdown."""
    vocabulary = ("byte-level BPE of {:,} tokens" if model.tokenizer.kind == "bpe"
                  else "{:,} characters").format(model.vocab_size)
    read = "Whole books" if characters is None else f"The first {characters:,} characters"
    last = min(curve, key=lambda row: row["bits_per_char"])
    lines = [f"# {name}", "",
             f"A MatMul-free language model (MLGRU + GLU) of {model.ternary_weights:,} ternary "
             f"weights: {model.n_layers} layers, dim {model.dim}, hidden {model.hidden_dim}, "
             f"{vocabulary}. It continues old children's books.", "",
             "## Data", "",
             "88 public-domain children's books from Project Gutenberg, 21 million characters. "
             "Never trained on: 503 (The Blue Fairy Book), 517 (The Emerald City of Oz), 5955 (The "
             "Tale of Tommy Fox); 5955 chose the model, 503 and 517 are reported.", "",
             "## Recipe", "",
             "`trine train`: straight-through ternary weights and int8 activations as published, "
             "32 streams of text in windows of 128 tokens with the state carried on, Muon for the "
             "matrices and AdamW for the rest at 4e-3, falling to zero, bf16 products, on one core "
             f"of a CPU and at times two. Best: {last['tokens'] / 1e6:.1f} M tokens, "
             f"{last['minutes']:.0f} minutes.",
             "", f"![bits per character over tokens]({name}.svg)", "",
             "| million tokens | minutes | training loss | bits/char, 5955 |",
             "| --- | --- | --- | --- |"]
    lines += [f"| {row['tokens'] / 1e6:.1f} | {row['minutes']:.0f} | {row['loss']:.3f} "
              f"| {row['bits_per_char']:.3f} |" for row in curve]
    lines += ["", "## Measures", "",
              "bits/char = nats / ln 2 / characters, state zero at the book's start and carried "
              f"through. {read} under the float64 reference; distances over the first "
              f"{start:,} characters.", "",
              "| book | reference | start, reference | start, golden | KL golden | argmax "
              "equal | KL float32 | argmax equal, float32 |",
              "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for book, m in measures.items():
        golden, single = m["golden"], m["float32"]
        lines.append(
            f"| {book} | **{m['reference_bits_per_char']:.4f}** "
            f"| {golden['first_bits_per_char']:.4f} | {golden['second_bits_per_char']:.4f} "
            f"| {golden['kl']:.1e} | {golden['argmax_agreement']:.2%} | {single['kl']:.1e} "
            f"| {single['argmax_agreement']:.2%} |")
    lines += ["", "KL in nats a token, from the float64 reference to the golden integers and to "
              "the same reference in float32.", "", "## Samples", "",
              "Seeds 1, 2, 3 with the default sampling.", ""]
    for text in texts:
        lines += ["> " + text.replace("\n", "\n> "), ""]
    return "\n".join(lines)


def main():
    """Do it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("checkpoint", "curve", "books", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--characters", type=int, default=None)
    parser.add_argument("--golden", type=int, default=40_000)
    args = parser.parse_args()
    curve = [json.loads(line) for line in args.curve.read_text().splitlines()]
    sample = (args.books / "5955.txt").read_text()
    model = pack_checkpoint(args.checkpoint, args.out, sample)
    measures = measure(args.checkpoint, model, args.books, args.characters, args.golden)
    facts = {"name": args.out.stem, "data": "88 public-domain children's books",
             "measures": measures, "curve": curve}
    model = pack_checkpoint(args.checkpoint, args.out, sample, facts)
    draw(curve, args.out.with_suffix(".svg"))
    args.out.with_suffix(".md").write_text(
        card(model, measures, curve, samples(model), args.out.stem, args.characters,
             args.golden))
    print(json.dumps(measures, indent=2))


if __name__ == "__main__":
    main()
