"""The tape compiler: a Model and a configuration give the image that a board's memory holds."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from .assembler import assemble, tape_bytes
from .isa import Instruction, Opcode, Target
from .program import Constants, Vectors, mlgru_token

__all__ = ["Image", "Tape", "compile_image", "outline"]

_MAGIC = b"TRNEIMG1"


@dataclass(frozen=True)
class Tape:
    """A tape in memory: address of its first beat, length in beats, number of bytes that count."""

    base: int
    beats: int
    size: int


@dataclass(frozen=True)
class Image:
    """What is uploaded: directory, tapes, embedding, in memory order.

    data : bytes, a multiple of a burst; tapes : by name, "load" fills the constant memory once,
    "token" makes one token, "save" and "restore" move the recurrent state to and from memory;
    "prefill" moves the state as "token" does, without logits. It is there where the machine has
    several slots and memory has room for it.
    state_base : first beat of the area that "save" writes, behind ``data``, state_bytes long;
    state_stride : beats from one slot's state to the next
    """

    data: bytes
    tapes: dict
    state_base: int
    state_bytes: int
    state_stride: int
    vector_words: int
    constant_words: int
    state_words: int
    code_words: int

    @property
    def crc(self):
        """CRC-32 of ``data``."""
        return zlib.crc32(self.data)

    @property
    def size(self):
        """Bytes of memory used, the state area included."""
        return len(self.data) + self.state_bytes


def _check(what, needed, available, field):
    if needed > available:
        raise ValueError(f"The model needs {needed} {what}, the configuration has {available}: "
                         f"raise {field}, or take a smaller model")


def _vectors(model, config):
    dim, hidden_dim = config.aligned(model.dim), config.aligned(model.hidden_dim)
    _check("words of vector memory", Vectors(dim, hidden_dim, config.lanes).words,
           config.vector_words, "vector_words")
    chunk = hidden_dim
    while Vectors(dim, hidden_dim, chunk).words > config.vector_words:
        chunk = -(-chunk // 2 // config.lanes) * config.lanes
    return Vectors(dim, hidden_dim, chunk)


def _constants(model, config):
    constants = Constants(config)
    for n, layer in enumerate(model.layers):
        name = f"layers.{n}."
        constants.add(f"{name}attn_norm", layer.attn_norm.values)
        for key in ("f", "i", "g"):
            constants.add(name + key, getattr(layer, key).gain.values)
        if layer.forget_scale is not None:
            constants.add(f"{name}forget_scale", layer.forget_scale)
        constants.add(f"{name}g_norm", layer.g_norm.values)
        constants.add(f"{name}o", layer.o.gain.values)
        constants.add(f"{name}mlp_norm", layer.mlp_norm.values)
        constants.add(f"{name}gate_up", layer.gate_up.gain.values)
        constants.add(f"{name}down", layer.down.gain.values)
    constants.add("norm", model.norm.values)
    constants.add("head", model.head.gain.values)
    longest = max(len(v) for v in constants.values.values())
    _check("words of constant memory for one vector", longest, config.constant_words,
           "constant_words")
    constants.settle()
    return constants


def _load_tape(constants):
    code = []
    values = np.zeros(constants.filled, "<u2")
    for name, at in constants.at.items():
        vector = constants.values[name]
        values[at:at + len(vector)] = vector.astype("<i8") & 0xFFFF
    for start in range(0, len(values), 0x8000):
        part = values[start:start + 0x8000]
        code.append(Instruction(Opcode.FILL, {"dst": start, "length": len(part)}, part.tobytes()))
    return [*code, Instruction(Opcode.END)]


def _state_tape(opcode, words, base, slot_stride):
    fields = {"wide": 1, "target": Target.STATE, "dst": 0, "length": words,
              "base": base, "slot_stride": slot_stride}
    return [Instruction(opcode, fields), Instruction(Opcode.END)]


def _prefill_tape(code):
    """Return what of a token's ``code`` moves the state: up to the last instruction that does."""
    moving = [n for n, instruction in enumerate(code) if instruction.opcode == Opcode.INTERPOLATE]
    return [*code[:moving[-1] + 1], Instruction(Opcode.END)]


def compile_image(model, config):
    """Return the :class:`Image` of ``model`` for a machine of ``config``.

    Raises ValueError with one sentence where the model does not fit the machine.
    """
    longest = max(p.trits.shape[1] for p in model.projections.values())
    _check("columns", longest, config.max_cols, "max_cols")
    _check("words of code memory", longest, config.code_words, "code_words")
    state_words = model.n_layers * config.aligned(model.dim)
    _check("words of state memory", state_words, config.state_words, "state_words")
    vectors, constants = _vectors(model, config), _constants(model, config)

    def padded(size):
        return -(-size // config.burst_bytes) * config.burst_bytes

    row_bytes, slot_bytes = padded(2 * model.dim), padded(4 * state_words)
    directory_bytes = padded(len(_MAGIC) + 8 * 6)
    embedding_bytes = model.vocab_size * row_bytes
    embedding = {"base": directory_bytes // config.memory_bytes,
                 "token_stride": row_bytes // config.memory_bytes}
    rows = np.zeros((model.vocab_size, row_bytes // 2), "<i2")
    rows[:, :model.dim] = model.embedding

    # The state area lies behind the tapes, so its address is known only when they are assembled.
    token = mlgru_token(model, config, constants, vectors, embedding)
    tapes = {"load": _load_tape(constants), "token": token, "prefill": _prefill_tape(token)}
    packed = {name: assemble(code, config.lanes, config.vector_lanes)
              for name, code in tapes.items()}
    state_tape_bytes = padded(len(assemble(_state_tape(Opcode.STORE, state_words, 0, 0),
                                           config.lanes)))

    def state_base():
        return (directory_bytes + embedding_bytes + 2 * state_tape_bytes
                + sum(padded(len(tape)) for tape in packed.values()))

    if config.slots == 1 or state_base() + config.slots * slot_bytes > config.memory_size:
        del packed["prefill"]
    base = state_base() // config.memory_bytes
    for name, opcode in (("save", Opcode.STORE), ("restore", Opcode.LOAD)):
        code = _state_tape(opcode, state_words, base, slot_bytes // config.memory_bytes)
        packed[name] = assemble(code, config.lanes)

    directory, data, at = [], rows.tobytes(), directory_bytes + embedding_bytes
    placed = {}
    for name, tape in packed.items():
        placed[name] = Tape(at // config.memory_bytes, padded(len(tape)) // config.memory_bytes,
                            len(tape))
        directory.append((placed[name].base, placed[name].beats))
        data += tape.ljust(padded(len(tape)), b"\0")
        at += padded(len(tape))
    header = _MAGIC + b"".join(struct.pack("<II", *entry) for entry in directory)
    header += struct.pack("<II", embedding["base"], embedding["token_stride"])
    image = Image(header.ljust(directory_bytes, b"\0") + data, placed, base,
                  slot_bytes * config.slots, slot_bytes // config.memory_bytes, vectors.words,
                  constants.size, state_words, longest)
    _check("bytes of memory", image.size, config.memory_size, "memory_size")
    return image


def outline(model, config):
    """Return the token tape's instructions without their matrices, and the bytes of the image.

    The image is one without "prefill".

    Nothing of the model but its shape is looked at, so that one may reason about models whose
    weights nobody has, on machines that cannot hold them.
    """
    vectors, constants = _vectors(model, config), _constants(model, config)

    def padded(size):
        return -(-size // config.burst_bytes) * config.burst_bytes

    row_bytes = padded(2 * model.dim)
    embedding = {"base": 0, "token_stride": row_bytes // config.memory_bytes}
    code = mlgru_token(model, config, constants, vectors, embedding, pack=lambda trits, lanes: b"")
    state_words = model.n_layers * config.aligned(model.dim)
    tapes = [code, _load_tape(constants),
             *(_state_tape(opcode, state_words, 0, 0) for opcode in (Opcode.STORE, Opcode.LOAD))]
    size = padded(len(_MAGIC) + 8 * 6) + model.vocab_size * row_bytes
    size += sum(padded(tape_bytes(tape, config.lanes)) for tape in tapes)
    return code, size + padded(4 * state_words) * config.slots
