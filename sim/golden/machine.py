"""Golden model of the machine: plays a tape word by word. It defines the instruction set.

Each instruction is carried out slot by slot, lowest first. Slots never see each other's data, but
for the recurrent state in a chained play; gateware runs them together.
"""

from dataclasses import dataclass, field

import numpy as np

from trine.firmware.isa import STAT_KEPT, ASource, BSource, Opcode, Statistic, Target
from trine.firmware.packing import unpack_matrix

from . import scalar, scalar_unit, vector
from .matrix import Matrix
from .round_shift import INT32_MAX, INT32_MIN
from .sampler import Sampler
from .tape import instructions

__all__ = ["Machine", "Slot"]


@dataclass
class Slot:
    """What one slot holds. Vectors are int64 arrays of int32 values."""

    vector: np.ndarray
    state: np.ndarray
    code: np.ndarray
    sampler: Sampler
    scalars: list = field(default_factory=scalar_unit.reset)
    #: Statistic that is kept for the next instruction with one.
    kept: int = 0
    position: int = 0
    token: int = 0
    #: How tokens are sampled: None for the largest logit, else 1 / temperature as the sampler's
    #: ``beta``, with noise from ``seed``.
    beta: int | None = None
    seed: int = 0


class Machine:
    """A machine of ``config`` with ``image`` at the start of its memory.

    Members
    -------
    slots : list of :class:`Slot`
    memory : bytearray of config.memory_size bytes
    saturations : results that stand at an end of int32, counted as the gateware counts them
    """

    def __init__(self, config, image=b""):
        self.config = config
        self.memory = bytearray(config.memory_size)
        self.memory[:len(image)] = image
        self.constant = np.zeros(config.constant_words, np.int64)
        self.saturations = 0
        self.slots = [Slot(np.zeros(config.vector_words, np.int64),
                           np.zeros(config.state_words, np.int64),
                           np.zeros(config.code_words, np.int64),
                           Sampler(logit_words=config.logit_words))
                      for _ in range(config.slots)]
        self._tapes = {}

    def forget_tapes(self):
        """Decode tapes anew: to be called when memory was written."""
        self._tapes.clear()

    def _decoded(self, tape):
        """Return the tape's instructions with matrices unpacked; kept until memory is written."""
        key = (tape.base, tape.beats)
        if key not in self._tapes:
            start = tape.base * self.config.memory_bytes
            data = bytes(self.memory[start:start + tape.beats * self.config.memory_bytes])
            decoded = []
            for instruction in instructions(data, self.config.lanes):
                fields, payload = instruction.fields, instruction.payload
                if instruction.opcode == Opcode.MATVEC:
                    payload = Matrix(unpack_matrix(payload, fields["rows"], fields["cols"],
                                                   self.config.lanes))
                decoded.append((instruction.opcode, fields, payload))
            self._tapes[key] = decoded
        return self._tapes[key]

    def play(self, tape, tokens=None, active=None, source=None):
        """Play ``tape`` once.

        tape : an object with ``base`` and ``beats``, in memory beats
        tokens : input token of each slot, or None for a tape without tokens
        active : slots that take part in rising order, all by default
        source : for a chained play, the slot that the first one goes on from; each other one goes
            on from the one before it: active slots are consecutive positions of one text
        returns : the sampled token of each active slot, or None without tokens

        Raises :class:`.tape.TapeFault`, with nothing carried out, where an instruction is not
        defined or the tape ends before its END. Gateware has carried out what stands before it.
        """
        active = list(range(self.config.slots) if active is None else active)
        decoded = self._decoded(tape)
        # The slot whose state INTERPOLATE reads, by slot.
        before = dict(zip(active, active if source is None else [source, *active]))
        if tokens is not None and source is not None:
            position = self.slots[source].position
            for n, index in enumerate(active):
                self.slots[index].position = position + n
        for index in active:
            slot = self.slots[index]
            if tokens is not None:
                slot.sampler.clear()
                slot.sampler.crc_clear()
                slot.token = tokens[index]
        for opcode, fields, payload in decoded:
            if opcode == Opcode.FILL:
                at = fields["dst"]
                self.constant[at:at + fields["length"]] = np.frombuffer(payload, "<u2")
                continue
            for index in active:
                if opcode == Opcode.INTERPOLATE:
                    self._interpolate(self.slots[index], self.slots[before[index]], fields)
                else:
                    self._execute(index, self.slots[index], opcode, fields, payload)
        if tokens is None:
            return None
        return [self._finish(self.slots[index]) for index in active]

    @staticmethod
    def _finish(slot):
        if slot.beta is None:
            token = slot.sampler.argmax()
        else:
            token = slot.sampler.sample(seed=slot.seed, position=slot.position, beta=slot.beta)
        slot.position += 1
        return token

    def reset(self, index=0):
        """Begin a new text in a slot. The state is not cleared: at position 0 it reads as zero."""
        self.slots[index].position = 0

    def _execute(self, index, slot, opcode, fields, payload):
        if opcode >= Opcode.SCALAR_SET:
            scalar_unit.execute(slot.scalars, opcode, fields)
        elif opcode == Opcode.MATVEC:
            self._matvec(slot, fields, payload)
        elif opcode in (Opcode.LOAD, Opcode.STORE):
            self._move(index, slot, opcode, fields)
        elif opcode == Opcode.QUANTIZE:
            at, n = fields["dst"], fields["length"]
            codes = vector.quantize(self._a(slot, fields), slot.scalars[fields["operand"]])
            slot.code[at:at + n] = codes
            self._statistic(slot, fields, codes)
        elif opcode != Opcode.END:
            self._vector(slot, opcode, fields)

    def _matvec(self, slot, fields, matrix):
        at, rows = fields["dst"], fields["rows"]
        codes = slot.code[fields["code"]:fields["code"] + fields["cols"]]
        y = vector.scaled(matrix(codes), slot.scalars[fields["operand"]])
        if fields["target"] == Target.LOGITS:
            slot.sampler.feed(y)
        else:
            if fields["target"] == Target.RESIDUAL:
                y = vector.add(slot.vector[at:at + rows], y)
            slot.vector[at:at + rows] = y
        self._account(slot, fields, y)

    def _move(self, index, slot, opcode, fields):
        config, n, at = self.config, fields["length"], fields["dst"]
        beat = (fields["base"] + index * fields["slot_stride"]
                + slot.token * fields["token_stride"]
                + slot.position * fields["position_stride"]) % config.memory_beats
        start = beat * config.memory_bytes
        dtype = "<i4" if fields["wide"] else "<i2"
        memory = slot.state if fields["target"] == Target.STATE else slot.vector
        size = n * np.dtype(dtype).itemsize
        if opcode == Opcode.STORE:
            padded = -(-size // config.burst_bytes) * config.burst_bytes
            data = memory[at:at + n].astype(dtype).tobytes().ljust(padded, b"\0")
            self.memory[start:start + padded] = data
            self._statistic(slot, fields, memory[at:at + n])
        else:
            data = np.frombuffer(self.memory, dtype, n, start).astype(np.int64)
            y = vector.saturate(data << min(fields["shift"], 31))
            memory[at:at + n] = y
            self._account(slot, fields, y)

    def _a(self, slot, fields):
        source = slot.state if fields["a_source"] == ASource.STATE else slot.vector
        return source[fields["a"]:fields["a"] + fields["length"]]

    def _b(self, slot, fields):
        at, n = fields["b"], fields["length"]
        if fields["b_source"] == BSource.NONE:
            return np.int64(1)
        if fields["b_source"] == BSource.VECTOR:
            return slot.vector[at:at + n]
        b = self.constant[at:at + n]
        if fields["b_source"] == BSource.CONSTANT:
            b = (b ^ 0x8000) - 0x8000
        return b

    def _vector(self, slot, opcode, fields):
        a, b, shift = self._a(slot, fields), self._b(slot, fields), fields["shift"]
        at, n, target = fields["dst"], fields["length"], fields["target"]
        operand = fields["operand"]
        if opcode == Opcode.MULTIPLY:
            y = vector.multiply(a, b, shift)
        elif opcode == Opcode.ADD:
            y = vector.add(a, b)
        elif opcode == Opcode.SUBTRACT:
            y = vector.subtract(a, b)
        elif opcode == Opcode.SCALE:
            y = vector.scaled(a, slot.scalars[operand])
        elif opcode == Opcode.SIGMOID:
            y = vector.sigmoid_multiply(a, b, shift, operand, fields["negate"])
        else:
            y = vector.silu(a, shift, operand)
        if target != Target.NONE:
            (slot.state if target == Target.STATE else slot.vector)[at:at + n] = y
        self._account(slot, fields, y)

    def _interpolate(self, slot, before, fields):
        """Move the state of ``before``, or zero at the first position, into the slot's own."""
        at, n = fields["dst"], fields["length"]
        h = before.state[at:at + n] if slot.position else np.zeros(n, np.int64)
        y = vector.interpolate(h, self._a(slot, fields), self._b(slot, fields), fields["shift"])
        slot.state[at:at + n] = y
        self._account(slot, fields, y)

    def _account(self, slot, fields, y):
        self.saturations += int(np.count_nonzero((y == INT32_MIN) | (y == INT32_MAX)))
        self._statistic(slot, fields, y)

    def _statistic(self, slot, fields, y):
        if not fields["stat"]:
            return
        if fields["statistic"] == Statistic.SUM_SQUARES:
            value = slot.kept + vector.sum_squares(y)
        else:
            value = max(slot.kept, vector.absmax(y))
        if fields["stat"] == STAT_KEPT and self.config.keeps_statistics:
            slot.kept = value
        else:
            slot.kept = 0
            self._gathered(slot, fields["stat"], value)

    def _gathered(self, slot, register, value):
        slot.scalars[register] = scalar.from_integer(value)

    def state(self, image, index=0):
        """Return the recurrent state of a slot that plays ``image``, int32 (n_layers * dim,)."""
        self.play(image.tapes["save"], None, [index])
        start, size = image.state_area(index, self.config)
        return image.unpack_state(self.memory[start:start + size])
