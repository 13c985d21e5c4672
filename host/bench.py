"""Benchmark: tests of prompt processing and text generation on any board, counted by itself."""

from dataclasses import dataclass, field
from statistics import mean, stdev

import numpy as np

from trine.firmware.assembler import decode_words, payload_bytes
from trine.firmware.config import PRESETS
from trine.firmware.isa import Opcode
from trine.firmware.registers import Counter, RunFlags, State

from .board import BoardError
from .power import REFERENCE_BOARD, estimate_board, read_placed, shares_of

__all__ = ["CAUSES", "Result", "clock_source", "matrices", "measure", "run_tokens"]

#: Causes of cycles by their name in a report; waiting for the host is no part of a token.
CAUSES = {counter.name.removeprefix("CAUSE_").lower(): counter for counter in Counter
          if counter.name.startswith("CAUSE_") and counter != Counter.CAUSE_HOST}


def run_tokens(board, prompts, count, *, feedback=False, progress=None):
    """Play ``count`` tokens in the slots of ``prompts`` side by side; return the counters' growth.

    prompts : input tokens by slot, from slot 0 on, as many for each; feedback : a run that needs
    more of them takes what was sampled
    progress : called with the number of tokens that each slot has newly finished
    """
    before = board.counters()
    done, queued = board.read("TOKEN_COUNT", 0), [0] * len(prompts)
    active = (1 << len(prompts)) - 1
    for slot in range(len(prompts)):
        board.sample_on_board(0, 0, slot)

    def feed():
        for slot, prompt in enumerate(prompts):
            queued[slot] += board.queue(prompt[queued[slot]:], slot)

    feed()
    board.start("token", count=count, active=active, reset=active,
                feedback=active if feedback else 0, flags=RunFlags.TOKENS | RunFlags.TOGETHER)
    while board.status() != State.IDLE:
        feed()
        board.transport.pause(1e-4)
        now = board.read("TOKEN_COUNT", 0)
        if progress:
            progress((now - done) % (1 << 32))
        done = now
    if progress:
        progress((board.read("TOKEN_COUNT", 0) - done) % (1 << 32))
    return board.counters() - before


def matrices(image, config, name):
    """Return (weights, first byte, last byte + 1) of each matrix on one of an image's tapes."""
    tape = image.tapes[name]
    start = tape.base * config.memory_bytes
    data, offset, found, opcode = image.data[start:start + tape.size], 0, [], None
    while opcode != Opcode.END:
        instruction, offset = decode_words(data, offset)
        opcode, fields = instruction.opcode, instruction.fields
        end = offset + payload_bytes(instruction, config.lanes)
        if opcode == Opcode.MATVEC:
            found.append((fields["rows"] * fields["cols"], offset, end))
        offset = end
    return found


def clock_source(board):
    """Return the source of the board's clock: a placement that reached it counts for more."""
    if board.clock_source != "assumed":
        return board.clock_source
    digest, clock_hz = board.config.digest(), board.config.clock_hz
    reached = any(entry["fmax_hz"] >= clock_hz and entry["preset"] in PRESETS
                  and PRESETS[entry["preset"]].digest() == digest
                  for entry in read_placed()["placed"])
    return "placed-and-routed" if reached else "assumed"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one test measured.

    test : "pp64" for 64 tokens of a prompt, "tg32" for 32 generated ones
    preset, model : names; weights : ternary weights that a token uses; slots : those in use
    tokens : of all slots together, in each repetition
    config, source : the board's configuration, and the source of its clock
    counters : the board's :class:`.board.Counters`, one for each repetition
    watts : :class:`.power.Watts`, estimated as ``watts_source`` says
    """

    test: str
    preset: str
    model: str
    weights: int
    slots: int
    tokens: int
    config: object
    source: str
    counters: list = field(repr=False)
    watts: object
    watts_source: str

    @property
    def cycles_per_token(self):
        """Mean cycles from one token of a slot to its next; those of all slots pass in them."""
        return mean(counters.cycles_per_token for counters in self.counters)

    @property
    def deviation(self):
        """Standard deviation of cycles_per_token over the repetitions."""
        cycles = [counters.cycles_per_token for counters in self.counters]
        return stdev(cycles) if len(cycles) > 1 else 0.0

    @property
    def roofline(self):
        """Share of the memory's peak that went into ternary weights."""
        return self.weights / 5 / (self.config.memory_bytes * self.cycles_per_token)

    @property
    def tokens_per_second(self):
        """Tokens a second of all slots together."""
        plays = mean(counters[Counter.TOKENS] for counters in self.counters)
        return self.tokens / plays * self.config.clock_hz / self.cycles_per_token

    @property
    def cycles_by_cause(self):
        """Cycles a token by their cause; they add up to cycles_per_token."""
        tokens = sum(counters[Counter.TOKENS] for counters in self.counters)
        return {name: sum(counters[counter] for counters in self.counters) / tokens
                for name, counter in CAUSES.items()}

    def as_dict(self):
        """Return the result as a JSON object."""
        speed = self.tokens_per_second
        return {
            "test": self.test, "repetitions": len(self.counters), "preset": self.preset,
            "model": self.model, "ternary_weights": self.weights, "slots": self.slots,
            "clock_hz": self.config.clock_hz, "clock_source": self.source,
            "cycles_per_token": round(self.cycles_per_token, 1),
            "cycles_per_token_deviation": round(self.deviation, 1),
            "roofline": round(self.roofline, 4),
            "aggregate_tokens_per_second": round(speed, 2),
            "weights_per_second": round(speed * self.weights),
            "watts": self.watts.as_dict(), "watts_source": self.watts_source,
            "joules_per_token": self.watts.scaled(1 / speed).as_dict(5),
            "nanojoules_per_weight": self.watts.scaled(1e9 / speed / self.weights).as_dict(3),
            "cycles_by_cause": {n: round(c, 1) for n, c in self.cycles_by_cause.items()},
            "host_wait_cycles": sum(c[Counter.CAUSE_HOST] for c in self.counters),
            "saturations": sum(c[Counter.SATURATIONS] for c in self.counters),
        }


def measure(board, model, *, prompt=64, generate=32, repetitions=1, slots=None, preset=None,
            power_board=REFERENCE_BOARD, reading=None, progress=None):
    """Return a :class:`Result` for each test: ``prompt`` tokens taken, ``generate`` tokens made.

    With several slots the prompt is one text, whose consecutive positions fill them; each slot
    generates its own.

    board : :class:`.board.Board` that holds the model; a test of no tokens is left out
    slots : slots in use; all of the board's where it is None
    preset : name of the board's configuration; None for the one that it says to be
    power_board, reading : name and :class:`.meter.Reading` of the board whose watts are estimated
    progress : called with the number of tokens that each slot has newly finished
    """
    config = board.config
    slots = config.slots if slots is None else slots
    if slots > config.slots:
        raise BoardError(f"The board has {config.slots} slots, not {slots}; take fewer, or a "
                         f"preset with more")
    digest = config.digest()
    preset = preset or next((n for n, known in PRESETS.items() if known.digest() == digest),
                            "custom")
    rng = np.random.default_rng(1)
    prefills = slots > 1 and "prefill" in board.image.tapes

    def process():
        if not prefills:
            return run_tokens(board, rng.integers(model.vocab_size, size=(slots, prompt)).tolist(),
                              prompt, progress=progress)
        before = board.counters()
        board.prefill(rng.integers(model.vocab_size, size=prompt).tolist(), range(slots),
                      progress=progress)
        return board.counters() - before

    def create():
        return run_tokens(board, rng.integers(model.vocab_size, size=(slots, 1)).tolist(),
                          generate, feedback=True, progress=progress)

    results = []
    for name, count, run, tokens, tape in (
            ("pp", prompt, process, prompt if prefills else slots * prompt,
             "prefill" if prefills else "token"),
            ("tg", generate, create, slots * generate, "token")):
        if not count:
            continue
        counters = [run() for _ in range(repetitions)]
        if counters[0].cycles_per_token is None:
            raise BoardError("The golden model knows no time, so there is nothing to measure; take "
                             "the simulated board or one on a port")
        power = estimate_board(power_board, preset, config.clock_hz, shares_of(counters[0]),
                               reading=reading)
        results.append(Result(
            test=f"{name}{count}", preset=preset, model=model.card.get("name", "unnamed"),
            weights=sum(count for count, _, _ in matrices(board.image, config, tape)),
            slots=slots, tokens=tokens, config=config, source=clock_source(board),
            counters=counters, watts=power.watts, watts_source=power.source))
    return results
