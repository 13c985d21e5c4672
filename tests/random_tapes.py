"""Random legal tapes: every instruction, field and payload that the contract allows."""

import numpy as np

from trine.firmware.assembler import assemble
from trine.firmware.compiler import Image, Tape
from trine.firmware.isa import ASource, BSource, Instruction, Opcode, Statistic, Target
from trine.firmware.packing import pack_matrix
from trine.firmware.placement import States

__all__ = ["random_image"]

#: Vectors lie in blocks, so that no instruction reads an element it has written before, and so
#: that they begin with a row on any number of vector lanes.
BLOCK = 32
VECTORS = (Opcode.MULTIPLY, Opcode.ADD, Opcode.SUBTRACT, Opcode.SCALE, Opcode.SIGMOID, Opcode.SILU,
           Opcode.INTERPOLATE, Opcode.QUANTIZE)


class _Maker:
    def __init__(self, config, rng):
        self.config = config
        self.rng = rng

    def below(self, n):
        return int(self.rng.integers(n))

    def block(self, words):
        return BLOCK * self.below(words // BLOCK)

    def stat(self):
        return {"statistic": Statistic(self.below(2)),
                "stat": self.below(8) if self.below(2) else 0}

    def constant(self):
        exponent = int(self.rng.choice([-90, -62, -40, -31, -30, -10, 0, 20]))
        return {"mantissa": (1 << 30) + self.below(1 << 30), "exponent": exponent}

    def scalar(self):
        opcode = Opcode(int(self.rng.choice([Opcode.SCALAR_SET, Opcode.SCALAR_MULTIPLY,
                                             Opcode.SCALAR_ADD, Opcode.SCALAR_RECIP,
                                             Opcode.SCALAR_RSQRT, Opcode.SCALAR_ADD_CONSTANT,
                                             Opcode.SCALAR_MULTIPLY_CONSTANT])))
        fields = {"dst": self.below(8), "a": self.below(8)}
        if opcode in (Opcode.SCALAR_MULTIPLY, Opcode.SCALAR_ADD, Opcode.SCALAR_RECIP,
                      Opcode.SCALAR_RSQRT):
            return Instruction(opcode, fields | {"b": self.below(8)})
        return Instruction(opcode, fields | self.constant())

    def vector(self):
        config, opcode = self.config, VECTORS[self.below(len(VECTORS))]
        a_source, target = ASource(self.below(2)), Target(self.below(3))
        b_source = BSource(self.below(4))
        if opcode == Opcode.INTERPOLATE:
            a_source, target = ASource.VECTOR, Target.STATE
            b_source = BSource.VECTOR
        if opcode in (Opcode.SCALE, Opcode.SILU, Opcode.QUANTIZE):
            b_source = BSource.NONE
        operand = self.below(32 if opcode in (Opcode.SIGMOID, Opcode.SILU) else 8)
        state, constants = config.state_words, config.constant_words
        words = config.code_words if opcode == Opcode.QUANTIZE else config.vector_words
        return Instruction(opcode, {
            "a_source": a_source, "b_source": b_source, "target": target, "operand": operand,
            "shift": int(self.rng.choice([0, 1, 8, 15, 16, 24, 31, 40, 63])),
            "negate": self.below(2) if opcode == Opcode.SIGMOID else 0,
            "a": self.block(state if a_source == ASource.STATE else config.vector_words),
            "b": self.block(config.vector_words if b_source == BSource.VECTOR else constants),
            "dst": self.block(state if target == Target.STATE else words),
            "length": 1 + self.below(BLOCK)} | self.stat())

    def matvec(self):
        config, cols = self.config, 1 + self.below(BLOCK)
        target = Target(int(self.rng.choice([Target.VECTOR, Target.RESIDUAL, Target.LOGITS])))
        rows = 1 + self.below(BLOCK)
        trits = self.rng.integers(-1, 2, (rows, cols)).astype(np.int8)
        return Instruction(Opcode.MATVEC, {
            "target": target, "operand": self.below(8), "code": self.block(config.code_words),
            "dst": self.block(config.vector_words), "rows": rows, "cols": cols} | self.stat(),
            pack_matrix(trits, config.lanes))

    def fill(self):
        length = 1 + self.below(BLOCK)
        return Instruction(Opcode.FILL, {"dst": self.block(self.config.constant_words),
                                         "length": length}, self.rng.bytes(2 * length))

    def load(self):
        state = self.below(4) == 0
        words = self.config.state_words if state else self.config.vector_words
        beats = self.config.burst_beats
        return Instruction(Opcode.LOAD, {
            "wide": self.below(2), "target": Target.STATE if state else Target.VECTOR,
            "shift": self.below(20), "dst": self.block(words), "length": 1 + self.below(BLOCK),
            "base": beats * self.below(64), "token_stride": beats * self.below(3),
            "slot_stride": beats * self.below(3), "position_stride": beats * self.below(3)}
            | self.stat())

    def code(self, count):
        kinds = [self.scalar] * 4 + [self.vector] * 8 + [self.matvec] * 3 + [self.fill, self.load]
        # Set everything that can be read, so that what ran before does not matter.
        config = self.config
        for target, length in ((Target.VECTOR, config.vector_words),
                               (Target.STATE, config.state_words)):
            yield Instruction(Opcode.LOAD, {"wide": 1, "target": target, "length": length})
        yield Instruction(Opcode.FILL, {"length": config.constant_words},
                          self.rng.bytes(2 * config.constant_words))
        for register in range(1, 8):
            yield Instruction(Opcode.SCALAR_SET, {"dst": register} | self.constant())
        yield Instruction(Opcode.QUANTIZE, {"operand": 1, "length": config.code_words})
        for _ in range(count):
            yield kinds[self.below(len(kinds))]()
        # Every tape has logits.
        last = self.matvec()
        yield Instruction(last.opcode, last.fields | {"target": Target.LOGITS}, last.payload)


def random_image(config, seed, count=40):
    """Return an :class:`Image` with a random token tape, and a "save" tape that stores all.

    Memory begins with 16 KiB of random data, extremes among them, that the tape loads from.
    """
    rng = np.random.default_rng(seed)
    maker = _Maker(config, rng)
    words = rng.integers(-(1 << 31), 1 << 31, 4096)
    words[rng.random(4096) < 0.1] = (1 << 31) - 1
    words[rng.random(4096) < 0.1] = -(1 << 31)
    words[rng.random(4096) < 0.4] >>= 16
    data = words.astype("<i4").tobytes()

    # What a slot holds, from 48 KiB on.
    base, stride = (48 << 10) // config.memory_bytes, (4 << 10) // config.memory_bytes
    save = [Instruction(Opcode.STORE, {"wide": 1, "target": target, "dst": 0, "length": length,
                                       "base": base + offset, "slot_stride": stride})
            for target, length, offset in (
                (Target.VECTOR, config.vector_words, 0),
                (Target.STATE, config.state_words, 4 * config.vector_words // config.memory_bytes))]
    tapes = {"load": [], "token": list(maker.code(count)), "save": save}
    placed = {}
    for name, code in tapes.items():
        tape = assemble([*code, Instruction(Opcode.END)], config.lanes, config.vector_lanes)
        size = -(-len(tape) // config.burst_bytes) * config.burst_bytes
        placed[name] = Tape(len(data) // config.memory_bytes, size // config.memory_bytes,
                            len(tape))
        data += tape.ljust(size, b"\0")
    assert len(data) <= 48 << 10
    words = config.vector_words + config.state_words
    states = States(layers=1, dim=words, pitch=words, unit=config.vector_lanes, streamed=False)
    return Image(data, placed, base, 0, stride, states, config.vector_words, 0, words, 0)
