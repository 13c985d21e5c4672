"""cocotb bench: thousands of random commands on the Verilated vector engine, against golden.

Run by test_vector_engine.py.
"""

from random import Random

import cocotb
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_support import parameters, start_clock
from trine.hw.vector_command import (
    VectorCommand,
    code_write_layout,
    logit_layout,
    statistic_layout,
    sum_layout,
)
from vector_commands import Program, small_config, trimmed

SLOTS, LANES, COMMANDS, SEED, STALL = (
    parameters()[name] for name in ("slots", "lanes", "commands", "seed", "stall"))


class Source:
    """Offers payloads, with pauses."""

    def __init__(self, dut, name, payloads):
        self.valid, self.ready = getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__ready")
        self.payload, self.payloads, self.at = getattr(dut, f"{name}__payload"), payloads, 0
        self.offered, self.rng = False, Random(f"{SEED} {name}")

    def drive(self):
        if not self.offered:
            self.offered = self.at < len(self.payloads) and self.rng.random() >= STALL
            self.valid.value = self.offered
            if self.offered:
                self.payload.value = self.payloads[self.at]

    def sample(self):
        """Return whether a payload is taken in this clock."""
        if self.offered and int(self.ready.value):
            self.at += 1
            self.offered = False
            return True
        return False


class Sink:
    """Takes payloads, with pauses, and compares those of their bits that are set in ``cares``."""

    def __init__(self, dut, name, expected, cares, *, ready=True):
        self.valid, self.payload = getattr(dut, f"{name}__valid"), getattr(dut, f"{name}__payload")
        self.ready = getattr(dut, f"{name}__ready") if ready else None
        self.name, self.expected, self.cares, self.at = name, expected, cares, 0
        self.takes, self.rng = True, Random(f"{SEED} {name}")

    def drive(self):
        if self.ready is not None:
            self.takes = self.rng.random() >= STALL
            self.ready.value = self.takes

    def sample(self):
        if self.takes and int(self.valid.value):
            got = int(self.payload.value)
            assert self.at < len(self.expected), f"{self.name}: surplus {got:#x}"
            got &= self.cares[self.at]
            assert got == self.expected[self.at], \
                f"{self.name} {self.at}: {got:#x}, not {self.expected[self.at]:#x}"
            self.at += 1


@cocotb.test()
async def random_commands(dut):
    config = small_config(SLOTS, LANES)
    program = Program(config, SEED)
    for _ in range(COMMANDS):
        program.random()
    steps, inputs, outputs = program.finish().steps, program.inputs(), program.outputs()

    layouts = {"command": VectorCommand, "sums": sum_layout(config), "logits": logit_layout(config),
               "codes": code_write_layout(config), "statistic": statistic_layout(config)}

    def bits(name, payloads):
        if name in layouts:
            return [layouts[name].const(payload).as_bits() for payload in payloads]
        return [payload & 0xFFFFFFFF for payload in payloads]

    def cares(name, payloads):
        """Return masks that leave out what lanes without an element hold."""
        if name != "codes":
            return [-1] * len(payloads)
        return [layouts[name].const(trimmed(
            {"slot": -1, "row": -1, "more": payload["more"], "codes": [-1] * LANES},
            "codes") | {"more": -1}).as_bits() for payload in payloads]

    sources = [Source(dut, name, bits(name, inputs[name])) for name in inputs]
    sinks = [Sink(dut, name, bits(name, outputs[name]), cares(name, outputs[name]),
                  ready=name != "codes") for name in outputs]
    commands = sources[0]
    rng, earlier, elements, saturated, quiet, cycles = Random(SEED), None, 0, 0, 0, 0

    def mask(flags):
        return sum(flag << n for n, flag in enumerate(flags))

    dut.rst.value = 1
    start_clock(dut)
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    while quiet < 8:
        await FallingEdge(dut.clk)
        if not int(dut.busy.value) and commands.at < len(steps):
            dut.active.value = mask(steps[commands.at].active)
            dut.fresh.value = mask(steps[commands.at].fresh)
            dut.chained.value = steps[commands.at].source is not None
            dut.source.value = steps[commands.at].source or 0
        if commands.at:
            step = steps[commands.at - 1]
            reg, slot = earlier
            waits = reg != step.command["operand"] or rng.random() < STALL
            m, e = (rng.randrange(1 << 31), 0) if waits else step.scalars[slot]
            dut.scalar_pending.value = waits
            dut.scalar_m.value = m
            dut.scalar_e.value = e & 0x3FF
        earlier = int(dut.scalar_reg.value), int(dut.scalar_slot.value) if SLOTS > 1 else 0
        for end in (*sources, *sinks):
            end.drive()
        await ReadOnly()
        for end in (*sources, *sinks):
            end.sample()
        elements += int(dut.element.value)
        saturated += int(dut.saturated.value)
        cycles += 1
        done = commands.at == len(steps) and not int(dut.busy.value)
        quiet = quiet + 1 if done and not commands.offered else 0

    assert [end.name for end in sinks if end.at < len(end.expected)] == []
    assert [end.at for end in sources] == [len(end.payloads) for end in sources]
    assert elements == sum(step.beats(LANES) for step in steps)
    assert saturated == sum(step.outcome.saturated for step in steps)
    cocotb.log.info("%d commands, %d elements in %d cycles", len(steps), elements, cycles)
