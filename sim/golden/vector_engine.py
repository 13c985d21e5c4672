"""Golden model of the vector engine: one command on the memories of all slots.

The instruction set is defined by :mod:`.machine`; this is the same arithmetic (:mod:`.vector`) at
the engine's own ports, where instructions of the array and the mover are commands as well.
"""

from dataclasses import dataclass, field

import numpy as np

from trine.firmware.isa import STAT_KEPT

from . import vector
from .drain import drain
from .round_shift import INT32_MAX, INT32_MIN

__all__ = ["Outcome", "VectorEngine"]


@dataclass
class Outcome:
    """What a command sends out, in the order of its streams."""

    stores: list = field(default_factory=list)
    #: (slot, row, logit, last)
    logits: list = field(default_factory=list)
    #: (slot, address, code)
    codes: list = field(default_factory=list)
    #: (slot, register, value): absolute maximum or sum of squares, before it becomes a scalar
    statistics: list = field(default_factory=list)
    elements: int = 0
    saturated: int = 0


class VectorEngine:
    """The engine of ``config`` with its memories, all zero.

    Members
    -------
    vector : int64 (slots, vector_words), int32 values
    state : int64 (slots, state_words), int32 values
    constant : int64 (constant_words), 0 ... 65535
    kept : statistics that are kept for a later command, by slot
    """

    def __init__(self, config):
        self.config = config
        self.vector = np.zeros((config.slots, config.vector_words), np.int64)
        self.state = np.zeros((config.slots, config.state_words), np.int64)
        self.constant = np.zeros(config.constant_words, np.int64)
        self.kept = {}

    def execute(self, command, *, active, fresh, scalars, streamed=None, source=None):
        """Carry out one command.

        command : dict, fields of the gateware's command; op, sources, target and statistic by name
        active, fresh : bool (slots)
        scalars : list of (m, e), the scalar register ``operand`` of each slot
        source : for a chain, the slot whose state the lowest active slot interpolates; each other
            one takes that of the next lower
        streamed : int64, where the command takes a stream: sums (slots, rows), loads
            (slots, length) or constants (length)
        returns : :class:`Outcome`
        error : exact
        """
        outcome = Outcome()
        if command["target"] == "CONSTANT":
            self._at(self.constant, command["dst"], len(streamed))[:] = streamed
            return outcome
        results, before = {}, source
        for slot in np.flatnonzero(active).tolist():
            y = self._result(slot, command, fresh[slot], scalars[slot],
                             None if streamed is None else streamed[slot],
                             slot if source is None else before)
            before = slot
            results[slot] = y
            outcome.elements += len(y)
            if command["op"] != "QUANTIZE" and command["target"] != "STORES":
                outcome.saturated += int(np.count_nonzero((y == INT32_MIN) | (y == INT32_MAX)))
            self._keep(slot, command, y, outcome)
            if command["stat"]:
                self._gather(slot, command, y.tolist(), outcome)
        if command["target"] == "LOGITS":
            y = np.zeros_like(streamed)
            y[list(results)] = list(results.values())
            logits = list(zip(*(part.tolist() for part in drain(y, self.config.lanes, active))))
            outcome.logits = [(*logit, n == len(logits) - 1) for n, logit in enumerate(logits)]
        return outcome

    def _gather(self, slot, command, values, outcome):
        before = self.kept.pop(slot, 0)
        value = (before + sum(v * v for v in values) if command["statistic"] == "SUM_SQUARES"
                 else max(before, *map(abs, values)))
        if command["stat"] == STAT_KEPT and self.config.keeps_statistics:
            self.kept[slot] = value
        else:
            outcome.statistics.append((slot, command["stat"], value))

    @staticmethod
    def _at(memory, at, n):
        return memory[..., at:at + n]

    def _result(self, slot, command, fresh, scalar, streamed, before):
        op, n = command["op"], command["length"]
        if command["a_source"] in ("SUMS", "LOADS"):
            a, n = streamed, len(streamed)
        else:
            source = self.state if command["a_source"] == "STATE" else self.vector
            a = self._at(source[slot], command["a"], n)
        b = np.ones(n, np.int64)
        if command["b_source"] == "VECTOR":
            b = self._at(self.vector[slot], command["b"], n)
        elif command["b_source"] in ("CONSTANT", "CONSTANT_UNSIGNED"):
            b = self._at(self.constant, command["b"], n)
            if command["b_source"] == "CONSTANT":
                b = (b ^ 0x8000) - 0x8000
        shift, fraction = command["shift"], command["operand"]
        if op == "MULTIPLY":
            y = vector.multiply(a, b, shift)
        elif op == "ADD":
            y = vector.add(a, b)
        elif op == "SUBTRACT":
            y = vector.subtract(a, b)
        elif op == "SCALE":
            y = vector.scaled(a, scalar)
        elif op == "SIGMOID":
            y = vector.sigmoid_multiply(a, b, shift, fraction, command["negate"])
        elif op == "SILU":
            y = vector.silu(a, shift, fraction)
        elif op == "INTERPOLATE":
            h = self._at(self.state[before], command["dst"], n)
            y = vector.interpolate(np.zeros(n, np.int64) if fresh else h, a, b, shift)
        else:
            y = vector.quantize(a, scalar)
        if command["target"] == "RESIDUAL":
            y = vector.add(self._at(self.vector[slot], command["dst"], n), y)
        return y

    def _keep(self, slot, command, y, outcome):
        target, dst = command["target"], command["dst"]
        if target in ("VECTOR", "RESIDUAL"):
            self._at(self.vector[slot], dst, len(y))[:] = y
        elif target == "STATE":
            self._at(self.state[slot], dst, len(y))[:] = y
        elif target == "CODE":
            outcome.codes += [(slot, dst + n, code) for n, code in enumerate(y.tolist())]
        elif target == "STORES":
            outcome.stores += y.tolist()
