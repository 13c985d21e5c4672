"""Make docs/results.md and docs/results.json from the records in docs/results/.

    python tools/results.py

Measures nothing: ``make results`` runs what measures first. :mod:`record` says what a record is.
"""

import json

from record import FOLDER, read_records

from trine.host.power import read_placed

_DOCS = FOLDER.parent
#: Preset to which others are compared.
ONE = "ulx3s"


def table(columns, rows):
    """Yield a Markdown table; numbers stand right."""
    rows = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]

    def numeric(n):
        return all(row[n][:1].isdigit() or row[n] in ("", "-") for row in rows)

    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---:' if numeric(n) else '---' for n in range(len(columns)))} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def by_hand(record):
    """Yield the section of a record that brings its own title, text and table."""
    yield from (f"## {record['title']}", "")
    for paragraph in record.get("text", ()):
        yield from (paragraph, "")
    if record.get("rows"):
        yield from (*table(record["columns"], record["rows"]), "")


def golden(records):
    """Yield the section on equality with the golden model."""
    found = records["golden"]
    yield from ("## Golden model and gateware side by side", "", *table(
        ("run", "tokens", "mismatches (logits' CRC, sampled token)", "final state"),
        [(row["run"], row["tokens"], row["mismatches"],
          "equal" if row["state_equal"] else "differs") for row in found["rows"]]),
        "", f"SDRAM rules violated: {found['sdram_violations']}. (`{found['command']}`)", "")


def _spread(figures, digits):
    return (f"{figures['typical']:.{digits}f} ({figures['low']:.{digits}f} to "
            f"{figures['high']:.{digits}f})")


def speed(records):
    """Yield the sections on roofline and speed, slots, and where the cycles go."""
    found = [record for record in records.values() if record.get("kind") == "speed"]
    found.sort(key=lambda each: (each["slots"], each["preset"], each["model"]))
    yield from (
        "## Roofline and speed", "",
        "Roofline: (ternary weights / 5 bytes) / (peak memory bytes a cycle x cycles a token); "
        "padding, constants, refresh and stalls count against it. With several slots one token of "
        "each passes in these cycles, and tokens/s are those of all slots together.", "",
        *table(("preset", "slots", "model", "weights", "cycles a token", "roofline", "clock",
                "tokens/s", "G weights/s"),
               [(f"`{r['preset']}`", r["slots"], r["model"], f"{r['ternary_weights'] / 1e6:.1f} M",
                 f"{r['cycles_per_token']:,.0f}", f"{r['roofline']:.2%}",
                 f"{r['clock_hz'] / 1e6:g} MHz ({r['clock_source']})",
                 f"{r['aggregate_tokens_per_second']:,.1f}",
                 f"{r['weights_per_second'] / 1e9:.2f}") for r in found]),
        "", "Watts are an estimate of a whole ULX3S 85F; [power.md](power.md) has every "
        "coefficient. A preset that has not been placed has none.", "",
        *table(("preset", "model", "W", "mJ/token", "nJ/weight", "saturated results"),
               [(f"`{r['preset']}`", r["model"], _spread(r["watts"], 2),
                 _spread({k: 1000 * v for k, v in r["joules_per_token"].items()}, 2),
                 _spread(r["nanojoules_per_weight"], 2), r["saturations"])
                for r in found if "assumed resources" not in r["watts_source"]]), "")
    one = {r["model"]: r for r in found if r["preset"] == ONE}
    many = [r for r in found if r["slots"] > 1 and r["model"] in one]
    if many:
        yield from (
            "## Slots", "", f"Aggregate tokens/s against `{ONE}`, each at the clock above.", "",
            *table(("preset", "slots", "model", "tokens/s", f"times `{ONE}`", "in cycles alone"),
                   [(f"`{r['preset']}`", r["slots"], r["model"],
                     f"{r['aggregate_tokens_per_second']:,.1f}",
                     *_times(r, one[r["model"]])) for r in many]), "")
    causes = list(found[0]["cycles_by_cause"])
    yield from (
        "## Where the cycles go", "",
        *table(("preset", "model", *causes),
               [(f"`{r['preset']}`", r["model"],
                 *(f"{r['cycles_by_cause'][cause] / r['cycles_per_token']:.2%}"
                   for cause in causes)) for r in found]),
        "", "Every cycle counts for one cause; [registers.md](registers.md) says what they mean. "
        "`tape` is the memory's limit: a unit wanted bytes that had not come yet, refresh "
        "included. `drain` are the latencies of drain and vector pipeline behind an instruction, "
        "about 30 cycles each. "
        "`issue` is the reading, decoding and issuing of instructions with every unit idle; the "
        "timing model, which knows no remainder, finds as many.", "",
        "![Timeline of a layer and the head](timeline.svg)", "",
        "`trine bench --timeline FILE.svg` draws it for any model and preset.", "")


def _times(many, one):
    """Return by how much several slots are faster than one: in tokens/s, and in cycles."""
    return (f"{many['aggregate_tokens_per_second'] / one['aggregate_tokens_per_second']:.2f}",
            f"{many['slots'] * one['cycles_per_token'] / many['cycles_per_token']:.2f}")


def prefill(records):
    """Yield the section on prompts that fill the slots."""
    found = [each for each in records.values() if each.get("kind") == "prefill"]
    if not found:
        return
    one = {each["model"]: each for each in records.values()
           if each.get("kind") == "speed" and each["preset"] == ONE}
    rows = []
    for each in found:
        cycles = round(each["plays"] * each["cycles_per_token"])
        alone = round(each["tokens"] * one[each["model"]]["cycles_per_token"])
        rows.append((f"`{each['preset']}`", each["slots"], each["model"], each["tokens"], cycles,
                     alone, f"{alone / cycles:.2f}"))
    yield from (
        "## Prefill by preset", "",
        f"A prompt whose consecutive positions fill the slots, in cycles, against the same tokens "
        f"one by one on `{ONE}`.", "",
        *table(("preset", "slots", "model", "tokens", "cycles", "one by one", "times"), rows), "")


def choice(records):
    """Yield the section on how FIFO, lanes and vector lanes were chosen."""
    yield from ("## FIFO, lanes and vector lanes", "")
    for name in sorted(name for name in records if name.startswith("choice")):
        found = records[name]
        models = [key for key in found["rows"][0] if key not in ("field", "value", "chosen")]
        yield from (
            f"Preset `{found['preset']}`, {found['slots']} slot{'s' * (found['slots'] > 1)}, one "
            f"size varied at a time; what the preset has is bold. Cycles by the {found['source']}. "
            f"(`{found['command']}`)", "",
            *table(("size", "value", *(f"{model}: cycles a token, roofline" for model in models)),
                   [(f"`{row['field']}`",
                     f"**{row['value']:,}**" if row["chosen"] else f"{row['value']:,}",
                     *(f"{row[model]['cycles_per_token']:,.0f}, {row[model]['roofline']:.2%}"
                       for model in models)) for row in found["rows"]]), "")


def real_size(records):
    """Yield the section on a model of published size."""
    found = records["real_size"]
    equal = found["logits_equal"] and found["state_equal"]
    rows = [
        ("ternary weights", f"{found['ternary_weights']:,}"),
        ("tape", f"{found['tape_bytes']:,} bytes"),
        ("cycles, counted by the gateware", f"{found['cycles']:,.0f}"),
        ("roofline", f"{found['roofline']:.2%}"),
        (f"tokens/s at {found['clock_hz'] / 1e6:g} MHz ({found['clock_source']})",
         f"{found['clock_hz'] / found['cycles']:.2f}"),
        (f"all {found['logits']:,} logits and the state equal golden", "yes" if equal else "NO"),
        ("SDRAM rules violated", found["sdram_violations"]),
        ("saturated results", found["saturations"]),
    ]
    if "predicted_cycles" in found:
        off = found["predicted_cycles"] / found["cycles"] - 1
        rows.insert(3, ("cycles, predicted by the timing model",
                        f"{found['predicted_cycles']:,.0f} ({off:+.4%})"))
    changes = ", ".join(f"`{field}` {value:,}" for field, value in found["changes"].items())
    yield from (
        "## A whole token of published size", "",
        "Random weights in the shape of the MatMul-free LM 370M (24 layers, dim 1024, hidden "
        "2816, 32,000 tokens). The board is hypothetical: an SDRAM of 256 MB, which no ULX3S "
        f"carries, and larger memories ({changes}). Cycle by cycle it is the gateware. The timing "
        "model does not know when the chip was refreshed last. "
        f"{found.get('note', '')} (`{found['command']}`)", "", *table(("", ""), rows), "")


def area():
    """Yield the section on placed resources."""
    placed = read_placed()["placed"]
    yield from (
        "## Area", "", "Whole designs, placed and routed; [area.md](area.md) has the components.",
        "", *table(("board", "preset", "MHz asked for", "Fmax in MHz (seed)", "TRELLIS_COMB", "FF",
                    "DP16KD", "MULT18X18D"),
                   [(f"`{r['board']}`", f"`{r['preset']}`", f"{r['clock_hz'] / 1e6:g}",
                     f"{r['fmax_hz'] / 1e6:.1f} ({r['seed']})", r["lut4"], r["ff"], r["bram"],
                     r["dsp"]) for r in placed]), "")


def page(records):
    """Yield the lines of docs/results.md."""
    tools = sorted({f"{name} {found}" for record in records.values()
                    for name, found in record.get("tools", {}).items()})
    yield from (
        "# Results", "",
        "Written by `make results` from the records in [results/](results/) "
        "([results.json](results.json) has them all).", "",
        "All cycles are counted by the gateware on the simulated ULX3S (SDRAM with refresh and "
        "the data sheets' timings, modelled), or predicted by the timing model where the text says "
        "so. Nothing here was measured on a board. A clock is `placed-and-routed` where a preset "
        "closed timing at it, else `assumed`.", "")
    sections = {10: (golden, "golden"), 20: (speed, "speed"), 25: (prefill, "prefill"),
                30: (choice, "choice"), 80: (real_size, "real_size")}
    placed = {order: list(section(records)) for order, (section, name) in sections.items()
              if any(each.startswith(name) for each in records)}
    placed[85] = list(area())
    for record in records.values():
        if "title" in record:
            placed.setdefault(record["order"], []).extend(by_hand(record))
    for order in sorted(placed):
        yield from placed[order]
    yield from ("## Tools", "", ", ".join(tools) + ".")


def main():
    """Write the page and the JSON."""
    records = read_records()
    (_DOCS / "results.md").write_text("\n".join(page(records)) + "\n", encoding="utf-8")
    (_DOCS / "results.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
