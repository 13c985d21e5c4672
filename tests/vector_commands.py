"""Random programs for the vector engine, with what its golden model makes of them."""

from dataclasses import dataclass
from itertools import groupby
from random import Random

import numpy as np

from trine.firmware.config import preset
from trine.firmware.isa import STAT_KEPT
from trine.hw import vector_command
from trine.sim.golden.drain import drain
from trine.sim.golden.vector_engine import Outcome, VectorEngine

__all__ = ["INT32_MAX", "INT32_MIN", "Program", "Step", "beats", "command", "small_config",
           "trimmed"]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
_ENUMS = {"op": vector_command.Op, "a_source": vector_command.ASource,
          "b_source": vector_command.BSource, "target": vector_command.Target,
          "statistic": vector_command.Statistic}


def small_config(slots, lanes=1):
    """Return a configuration whose memories can be filled and read back in a short simulation."""
    return preset("tiny").replace(slots=slots, vector_lanes=lanes, lanes=5 * max(2, lanes),
                                  vector_words=32, constant_words=32, state_words=16,
                                  code_words=16)


def beats(elements, lanes, name):
    """Yield the beats of (slot, index, value): slot, index of the first, values under ``name``."""
    for (slot, row), group in groupby(elements, lambda element: (element[0], element[1] // lanes)):
        values = [value for _, _, value in group]
        yield {"slot": slot, "row": row * lanes, "more": (1 << len(values) - 1) - 1,
               name: values + [0] * (lanes - len(values))}


def trimmed(beat, name):
    """Return a beat with zeros in the lanes that hold nothing."""
    return beat | {name: [value if n == 0 or beat["more"] >> n - 1 & 1 else 0
                          for n, value in enumerate(beat[name])]}


def command(**fields):
    """Return the fields of a command by name, everything else zero."""
    return {"op": "MULTIPLY", "a_source": "VECTOR", "b_source": "NONE", "target": "NONE",
            "shift": 0, "negate": 0, "operand": 0, "statistic": "ABSMAX", "stat": 0,
            "a": 0, "b": 0, "dst": 0, "length": 1, **fields}


@dataclass
class Step:
    """One command, what surrounds it, and what it sends out."""

    command: dict
    active: list
    fresh: list
    scalars: list
    streamed: np.ndarray | None
    source: int | None
    outcome: Outcome

    def beats(self, lanes):
        """Beats that leave the pipeline."""
        if not self.outcome.elements:
            return 0
        return sum(self.active) * -(-self.outcome.elements // sum(self.active) // lanes)

    @property
    def payload(self):
        """The command as the gateware takes it."""
        return {key: _ENUMS[key][value] if key in _ENUMS else value
                for key, value in self.command.items()}


class Program:
    """Commands with their golden outcome, in order.

    Fills every memory at its start; :meth:`finish` reads every memory back.

    Members
    -------
    steps : list of :class:`Step`
    """

    def __init__(self, config, seed):
        self.config = config
        self.rng = Random(seed)
        self.golden = VectorEngine(config)
        self.steps = []
        everyone = [True] * config.slots
        self.add(command(target="CONSTANT", length=config.constant_words), active=everyone)
        for target, words in (("VECTOR", config.vector_words), ("STATE", config.state_words)):
            self.add(command(a_source="LOADS", target=target, length=words), active=everyone)

    def value(self, bits=32):
        """Return an integer of any size up to ``bits`` bits, often an extreme."""
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        if self.rng.random() < 0.15:
            return self.rng.choice([low, low + 1, -1, 0, 1, high])
        return self.rng.randint(low, high) >> self.rng.randrange(bits)

    def scalar(self):
        """Return a scalar; most exponents make neither zero nor a limit of an int32."""
        if self.rng.random() < 0.05:
            return 0, -512
        exponent = self.rng.choice([self.rng.randint(-70, 5), self.rng.randint(-62, -20),
                                    self.rng.choice([-512, -64, -63, 0, 1, 511])])
        return self.rng.choice([1 << 30, (1 << 31) - 1, self.rng.randrange(1 << 30, 1 << 31)]), \
            exponent

    def add(self, fields, *, active=None, scalars=None, streamed=None):
        """Add a command, with random surroundings where they are not given."""
        rng, slots, n = self.rng, self.config.slots, fields["length"]
        if active is None:
            active = [rng.random() < 0.7 for _ in range(slots)]
            active[rng.randrange(slots)] = True
        if streamed is None and fields["target"] == "CONSTANT":
            streamed = np.array([self.value(16) & 0xffff for _ in range(n)])
        elif streamed is None and fields["a_source"] in ("LOADS", "SUMS"):
            bits = 32 if fields["a_source"] == "LOADS" else self.config.acc_width
            streamed = np.array([[self.value(bits) for _ in range(n)] for _ in range(slots)])
        fresh = [rng.random() < 0.3 for _ in range(slots)]
        # Where slots are chained their vectors are shorter than the pipeline.
        source = rng.randrange(slots) if slots > 1 and rng.random() < 0.4 else None
        scalars = scalars or [self.scalar() for _ in range(slots)]
        outcome = self.golden.execute(fields, active=active, fresh=fresh, scalars=scalars,
                                      streamed=streamed, source=source)
        self.steps.append(Step(fields, active, fresh, scalars, streamed, source, outcome))

    def random(self, *, active=None, **fixed):
        """Add a random legal command; ``fixed`` fields are taken as they are.

        No statistic is kept unless that is fixed.
        """
        rng = self.rng
        while True:
            op = rng.choice([op.name for op in vector_command.Op])
            fields = command(
                op=op, a_source=rng.choice(["VECTOR", "STATE"]),
                b_source=rng.choice(["NONE", "VECTOR", "CONSTANT", "CONSTANT_UNSIGNED"]),
                target={"QUANTIZE": "CODE", "INTERPOLATE": "STATE"}.get(
                    op, rng.choice(["NONE", "VECTOR", "STATE"])),
                shift=rng.randrange(64), negate=rng.randrange(2), operand=rng.randrange(64),
                statistic=rng.choice(["ABSMAX", "SUM_SQUARES"]),
                stat=rng.choice([0, rng.randrange(1, STAT_KEPT)]), length=rng.randint(1, 16))
            rows = rng.randint(1, 32)
            copy = {"op": "MULTIPLY", "b_source": "NONE", "shift": 0}
            sums = {"op": "SCALE", "a_source": "SUMS", "length": rows}
            if not fixed:
                # A third are other units' instructions.
                fields |= rng.choice([{}] * 10 + [
                    sums | {"target": "VECTOR"},
                    sums | {"target": "RESIDUAL"},
                    sums | {"target": "LOGITS"},
                    {**copy, "a_source": "LOADS", "target": rng.choice(["VECTOR", "STATE"])},
                    {**copy, "target": "STORES"},
                    {"target": "CONSTANT"}])
            fields |= fixed
            for field, memory in (("a", "a_source"), ("b", "b_source"), ("dst", "target")):
                top = self.words(fields[memory]) - fields["length"]
                # Often at an end of the memory.
                if field not in fixed and top >= 0:
                    at = rng.choice([0, top, rng.randint(0, top)])
                    fields[field] = at - at % self.config.vector_lanes
            if self.legal(fields):
                break
        self.add(fields, active=active)

    def words(self, memory):
        """Return the elements of a memory, by the name of a source or target."""
        config = self.config
        return {"VECTOR": config.vector_words, "RESIDUAL": config.vector_words,
                "STATE": config.state_words, "CODE": config.code_words,
                "CONSTANT": config.constant_words,
                "CONSTANT_UNSIGNED": config.constant_words}.get(memory, 1 << 16)

    def legal(self, fields):
        """Tell whether the instruction set and the engine's contract allow a command."""
        n = fields["length"]
        op, source, target = fields["op"], fields["a_source"], fields["target"]
        if target == "CONSTANT":
            return fields["dst"] + n <= self.words(target)
        if source == "LOADS":
            ok = op == "MULTIPLY" and fields["b_source"] == "NONE" and not fields["shift"] and \
                target in ("VECTOR", "STATE")
        elif source == "SUMS":
            ok = op == "SCALE" and target in ("VECTOR", "RESIDUAL", "LOGITS")
        elif op == "QUANTIZE":
            ok = target == "CODE"
        elif op == "INTERPOLATE":
            # The state memory has one port, and that reads h.
            ok = target == "STATE" and source == "VECTOR"
        elif target == "STORES":
            ok = op == "MULTIPLY" and fields["b_source"] == "NONE" and not fields["shift"]
        else:
            ok = target in ("NONE", "VECTOR", "STATE")
        # Ranges within the memories; results over operands only element on element.
        reads = [(source, fields["a"]), (fields["b_source"], fields["b"])]
        return ok and all(at + n <= self.words(memory)
                          for memory, at in [*reads, (target, fields["dst"])]) \
            and all(memory != target or at == fields["dst"] or abs(at - fields["dst"]) >= n
                    for memory, at in reads)

    def finish(self):
        """Read every memory back through stores."""
        everyone = [True] * self.config.slots
        for source, words in (("VECTOR", self.config.vector_words),
                              ("STATE", self.config.state_words)):
            self.add(command(a_source=source, target="STORES", length=words), active=everyone)
        return self

    def inputs(self):
        """Return the payloads of the engine's input streams, all commands one after another."""
        streams = {"command": [step.payload for step in self.steps], "sums": [], "loads": [],
                   "fill": []}
        for step in self.steps:
            if step.command["target"] == "CONSTANT":
                streams["fill"] += step.streamed.tolist()
            elif step.command["a_source"] == "LOADS":
                streams["loads"] += step.streamed[step.active].ravel().tolist()
            elif step.command["a_source"] == "SUMS":
                order = drain(step.streamed, self.config.lanes, np.array(step.active))
                sums = list(beats(zip(*(part.tolist() for part in order)),
                                  self.config.vector_lanes, "sums"))
                streams["sums"] += [beat | {"last": int(n == len(sums) - 1)}
                                    for n, beat in enumerate(sums)]
        return streams

    def outputs(self):
        """Return the payloads expected of the engine's output streams, beats trimmed."""
        lanes = self.config.vector_lanes

        def chained(name, *keys):
            return [dict(zip(keys, map(int, item))) for step in self.steps
                    for item in getattr(step.outcome, name)]
        return {"stores": [value for step in self.steps for value in step.outcome.stores],
                "logits": chained("logits", "slot", "row", "logit", "last"),
                "codes": [beat | {"row": beat["row"] // lanes} for step in self.steps
                          for beat in beats(step.outcome.codes, lanes, "codes")],
                "statistic": chained("statistics", "slot", "reg", "value")}
