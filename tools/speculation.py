"""Measure prefill and speculation on the simulated board, and write records of them.

    python tools/speculation.py [--preset ulx3s-8] [--tokens 160]

The shipped model goes on with ordinary and with repetitive text, the likeliest token each time and
sampled on the board. A play's cycles depend on how many positions it takes, not on the text: the
simulated board counts them, and the golden model tells how many plays of each kind a text takes.
Takes some minutes.
"""

import argparse
import sys
from collections import Counter as Tally
from dataclasses import replace

from record import write_record
from tqdm import tqdm

from trine.firmware.config import preset
from trine.firmware.registers import Counter
from trine.host.board import Board
from trine.host.generate import Generation
from trine.host.links import LoopbackTransport
from trine.host.model import Model, shipped_model
from trine.host.sampling import Sampling
from trine.host.simulated import SimulatedTransport
from trine.host.speculation import Speculation
from trine.sim.golden_board import GoldenBoard
from trine.sim.verilator import progress_bar

TEXTS = {
    "ordinary": "The fox said to the wolf that he had never seen so fine a house, and asked him "
                "who had built it.",
    "repetitive": "Row, row, row your boat, gently down the stream. Row, row, row your boat, "
                  "gently down the stream. Row, row, row your boat,",
}
SAMPLINGS = {"greedy": 0, "sampled at 0.8": 0.8}
#: Tokens of the prompt that prefill is measured with, and of the text that plain decoding is.
PROMPT, PLAIN = 256, 16


class Tallied(Speculation):
    """Counts plays by the positions that they take, as ``taken``."""

    def _check(self, tokens):
        self.taken[len(tokens)] += 1
        return super()._check(tokens)


def cycles(counters):
    """Return the cycles of a run without those that waited for the host."""
    return counters[Counter.CYCLES] - counters[Counter.CAUSE_HOST]


def measure_prefill(board, model, text):
    """Return the record of a prompt that went through all slots, and cycles of a token after it."""
    prompt = (text * (PROMPT // len(text) + 1))[:PROMPT + 1]
    generation = Generation(board, model, prompt, PLAIN, Sampling(temperature=0), on_board=True)
    tokens = list(generation)
    plain = generation.counters.cycles_per_token
    taken = cycles(generation.prompt_counters)
    return {"prompt_tokens": PROMPT, "plays": generation.prompt_counters[Counter.TOKENS],
            "cycles": taken, "cycles_token_by_token": round(PROMPT * plain),
            "speed_up": round(PROMPT * plain / taken, 3)}, (prompt, tokens), plain


def measure_plays(board, prompt):
    """Return the cycles of a play by the positions of a text that it takes, from 1 on."""
    taken = []
    for n in range(1, board.config.slots + 1):
        before = board.counters()
        board.check(prompt[:n], range(n))
        taken.append(cycles(board.counters() - before))
    return taken


def measure_text(golden, model, prompt, sampling, count, plain, plays):
    """Return the figures of one text: ``plain`` cycles a token, ``plays`` as measured."""
    settings = {"on_board": True, "end": model.tokenizer.end}
    expected = list(Generation(golden, model, prompt, count, replace(sampling), **settings))
    text = Tallied(golden, model, prompt, count, replace(sampling), **settings)
    text.taken = Tally()
    equal, tokens = list(text) == expected, len(text.tokens)
    spent = sum(plays[n - 1] * times for n, times in text.taken.items())
    return {"tokens": tokens, "plays": text.plays, "drafted": text.drafted,
            "accepted": text.accepted,
            "acceptance": round(text.accepted / text.drafted, 4) if text.drafted else None,
            "tokens_per_play": round(tokens / text.plays, 3),
            "cycles_per_token": round(spent / tokens, 1),
            "speed_up": round(plain * tokens / spent, 3), "equal": equal}


def prefill_section(facts, prefill):
    """Return the part of the record that docs/results.md shows."""
    return {"order": 40, "title": "Prefill, and the text behind it", "text": [
        f"A prompt's consecutive positions fill the slots. Preset `{facts['preset']}`, shipped "
        f"model, a prompt of {prefill['prompt_tokens']} tokens; the text behind it "
        f"{'equals' if prefill['equal'] else 'DIFFERS from'} golden's."],
        "columns": ["slots", "plays", "cycles", "cycles token by token", "times as fast"],
        "rows": [[facts["slots"], prefill["plays"], prefill["cycles"],
                  prefill["cycles_token_by_token"], f"{prefill['speed_up']:.2f}"]]}


def speculation_section(facts, plain, plays, rows):
    """Return the part of the record that docs/results.md shows."""
    equal = all(row["equal"] for row in rows)
    return {"order": 50, "title": "Speculation", "text": [
        f"Drafts by prompt lookup, up to {facts['slots'] - 1} tokens, checked in one play. Preset "
        f"`{facts['preset']}`, shipped model. Plain decoding in one slot of the same board takes "
        f"{plain:,.0f} cycles a token; a play that checks several positions takes those below, "
        f"counted by the gateware. Which plays a text takes is golden's. All texts "
        f"{'equal' if equal else 'DO NOT EQUAL'} those of plain decoding. Text sampled at a "
        f"temperature seldom repeats itself.",
        "Cycles of a play by its positions, from 1 on: " + ", ".join(f"{n:,}" for n in plays)
        + "."],
        "columns": ["text", "sampling", "tokens", "accepted of drafted", "tokens a play",
                    "cycles a token", "times as fast"],
        "rows": [[row["text"], row["sampling"], row["tokens"],
                  f"{row['accepted']} of {row['drafted']}", f"{row['tokens_per_play']:.2f}",
                  f"{row['cycles_per_token']:,.0f}", f"{row['speed_up']:.2f}"] for row in rows]}


def main():
    """Measure and write the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="ulx3s-8")
    parser.add_argument("--tokens", type=int, default=160)
    args = parser.parse_args()
    config = preset(args.preset)
    model = Model.load(shipped_model())
    tokenizer = model.tokenizer
    prompts = {name: [tokenizer.begin, *tokenizer.encode(text)] for name, text in TEXTS.items()}
    with progress_bar("the simulated board") as progress:
        transport = SimulatedTransport(config, progress=progress)
    image = model.image(config)
    facts = {"preset": args.preset, "slots": config.slots, "model": model.card.get("name")}
    command = f"python tools/speculation.py --preset {args.preset} --tokens {args.tokens}"
    rows = []
    with Board(transport, "assumed") as board, \
            Board(LoopbackTransport(GoldenBoard(config).receive)) as golden, \
            tqdm(total=len(TEXTS) * len(SAMPLINGS) + 2, unit="run", file=sys.stderr) as bar:
        transport.load(image.data)
        board.adopt(image)
        golden.upload(image)
        bar.set_description("prefill")
        prefill, (prompt, tokens), plain = measure_prefill(board, model, prompts["ordinary"])
        prefill["equal"] = tokens == list(Generation(golden, model, prompt, PLAIN,
                                                     Sampling(temperature=0), on_board=True))
        bar.update()
        bar.set_description("plays")
        plays = measure_plays(board, prompt)
        bar.update()
        for name, prompt in prompts.items():
            for how, temperature in SAMPLINGS.items():
                bar.set_description(f"{name}, {how}")
                sampling = Sampling(temperature=temperature, seed=1)
                rows.append({"text": name, "sampling": how} | measure_text(
                    golden, model, prompt, sampling, args.tokens, plain, plays))
                bar.update()
        facts["sdram_violations"] = transport.violations
    write_record("prefill", command, **facts, **prefill, **prefill_section(facts, prefill))
    write_record("speculation", command, **facts, cycles_per_token_plain=round(plain, 1),
                 cycles_by_positions=plays, texts=rows,
                 **speculation_section(facts, plain, plays, rows))
    all_equal = prefill["equal"] and all(row["equal"] for row in rows)
    print(f"prefill: {prefill['speed_up']:.2f} times as fast as token by token")
    for row in rows:
        print(f"{row['text']}, {row['sampling']}: {row['tokens_per_play']:.2f} tokens a play, "
              f"{row['accepted']} of {row['drafted']} drafted tokens accepted, "
              f"{row['speed_up']:.2f} times as fast")
    print("all texts equal golden's" if all_equal else "A text DIFFERS from golden's")
    return 0 if all_equal and not facts["sdram_violations"] else 1


if __name__ == "__main__":
    sys.exit(main())
