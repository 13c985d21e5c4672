"""The timing model beside a simulated board's counters."""

import time
from dataclasses import dataclass

from trine.firmware.registers import Cause, Counter
from trine.sim.timing.memory import memory_of
from trine.sim.timing.predict import predict, token_code
from trine.sim.timing.values import TracedValues, TracingMachine

from .bench import run_tokens

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """A run as the board counted it and as the model predicts it.

    tokens : of each slot; measured : cycles; traced : the :class:`Prediction` where golden has
    told how long scalars take; usual : the one without; seconds : that the latter took
    """

    tokens: int
    counters: object
    traced: object
    usual: object
    seconds: float

    @property
    def measured(self):
        """Cycles that the board counted, without waiting for the host."""
        return self.counters[Counter.CYCLES] - self.counters[Counter.CAUSE_HOST]

    @property
    def difference(self):
        """Cycles by which the prediction with traced scalars is off."""
        return self.traced.cycles - self.measured

    @property
    def error(self):
        """The same as a share of the cycles."""
        return self.difference / self.measured

    @property
    def usual_error(self):
        """Share by which the prediction without traced scalars is off."""
        return self.usual.cycles / self.measured - 1

    def causes(self):
        """Return (measured, predicted) cycles by :class:`Cause`."""
        return {cause: (self.counters[Counter(Counter.CAUSE_HOST + cause)],
                        self.traced.causes[cause]) for cause in Cause}


def compare(board, config, count, *, due=None):
    """Run ``count`` tokens in every slot of a board that holds a model; return the Comparison.

    config : the board's configuration with its clock; due : clock of the run in which the first
    refresh is due, which nobody can tell from outside
    """
    image, slots = board.image, range(config.slots)
    first = [board.read("TOKEN_COUNT", slot) for slot in slots]
    counters = run_tokens(board, [[0] for _ in slots], count, feedback=True)
    inputs = [[0, *(token for token, _ in board.sampled(first[slot], count, slot))]
              for slot in slots]

    machine, tape = TracingMachine(config, image.data), image.tapes["token"]
    machine.play(image.tapes["load"])
    for number in range(count):
        machine.play(tape, [tokens[number] for tokens in inputs])

    code = token_code(image, config)

    def predicted(values=None):
        return predict(config, code, plays=count, base=tape.base, values=values,
                       memory=memory_of(config, due=due))

    traced = predicted(TracedValues(machine, 1))
    started = time.perf_counter()
    usual = predicted()
    return Comparison(count, counters, traced, usual, time.perf_counter() - started)
