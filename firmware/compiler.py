"""The tape compiler: a Model and a configuration give the image that a board's memory holds."""

import struct
import zlib
from dataclasses import dataclass, replace

import numpy as np

from .assembler import assemble, tape_bytes
from .isa import Instruction, Opcode, Target
from .placement import Constants, States, Vectors, check
from .program import mlgru_token

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
    "token" makes one token, "save" and "restore" move the recurrent state to and from memory (they
    are empty where it is streamed); "prefill" moves the state as "token" does, without logits. It
    is there where the machine has several slots and memory has room for it.
    state_base : first beat of the area that "save" writes, behind ``data``, state_bytes long;
    state_stride : beats from one slot's state to the next; states : what lies there, see
    :class:`.placement.States`
    """

    data: bytes
    tapes: dict
    state_base: int
    state_bytes: int
    state_stride: int
    states: States
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

    @property
    def streamed_bytes(self):
        """Bytes of state that a token of a slot loads, and as many that it stores."""
        return 4 * self.states.layers * self.states.dim if self.states.streamed else 0

    def state_area(self, slot, config):
        """Return the first byte and the number of bytes of a slot's state in memory."""
        beat = config.memory_bytes
        return (self.state_base + slot * self.state_stride) * beat, self.state_stride * beat

    def unpack_state(self, data):
        """Return a slot's state, int32 (n_layers * dim,), of the bytes in its area."""
        states = self.states
        words = np.frombuffer(data, "<i4", states.layers * states.pitch)
        return words.reshape(states.layers, states.pitch)[:, :states.dim].ravel()

    def pack_state(self, values):
        """Return the bytes of a slot's area, the reverse of :meth:`unpack_state`."""
        states = self.states
        words = np.zeros((states.layers, states.pitch), "<i4")
        words[:, :states.dim] = np.reshape(values, (states.layers, states.dim))
        return words.tobytes()


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
    check("words of constant memory for one vector", longest, config.constant_words,
          "constant_words")
    constants.settle()
    return constants


def _load_tape(constants, states, config):
    # What is loaded of a streamed state at a text's first token does not matter, but a memory is
    # never read where nothing was written.
    code = [states.move(Opcode.STORE, layer, 0, states.dim, config)
            for layer in range(states.layers) if states.streamed]
    values = np.zeros(constants.filled, "<u2")
    for name, at in constants.at.items():
        vector = constants.values[name]
        values[at:at + len(vector)] = vector.astype("<i8") & 0xFFFF
    for start in range(0, len(values), 0x8000):
        part = values[start:start + 0x8000]
        code.append(Instruction(Opcode.FILL, {"dst": start, "length": len(part)}, part.tobytes()))
    return [*code, Instruction(Opcode.END)]


def _state_tape(opcode, states, config):
    fields = {"wide": 1, "target": Target.STATE, "dst": 0, "length": states.kept, "base": 0,
              "slot_stride": states.slot_bytes(config) // config.memory_bytes}
    code = [] if states.streamed else [Instruction(opcode, fields)]
    return [*code, Instruction(Opcode.END)]


def _prefill_tape(code):
    """Return what of a token's ``code`` moves the state: up to the last instruction that does."""
    moving = [n for n, instruction in enumerate(code)
              if instruction.opcode in (Opcode.INTERPOLATE, Opcode.STORE)]
    return [*code[:moving[-1] + 1], Instruction(Opcode.END)]


def _with_states_at(code, base):
    """Return ``code`` with addresses of states that count from the state area's ``base``."""
    return [replace(i, fields=i.fields | {"base": base + i.fields["base"]})
            if i.opcode in (Opcode.LOAD, Opcode.STORE) and i.fields["target"] == Target.STATE
            else i for i in code]


def _tapes(model, config, embedding, states=None, **pack):
    """Return (instructions of every tape by name, vectors, constants, states)."""
    states = states or States.place(model.n_layers, model.dim, config)
    vectors = Vectors.place(model.dim, model.hidden_dim, states, config)
    constants = _constants(model, config)
    token = mlgru_token(model, config, constants, vectors, states, embedding, **pack)
    tapes = {"load": _load_tape(constants, states, config),
             "token": token, "prefill": _prefill_tape(token),
             "save": _state_tape(Opcode.STORE, states, config),
             "restore": _state_tape(Opcode.LOAD, states, config)}
    return tapes, vectors, constants, states


def _padded(size, config):
    """Return the bytes of whole bursts that hold ``size`` bytes."""
    return -(-size // config.burst_bytes) * config.burst_bytes


def compile_image(model, config):
    """Return the :class:`Image` of ``model`` for a machine of ``config``.

    Raises ValueError with one sentence where the model does not fit the machine.
    """
    longest = max(p.trits.shape[1] for p in model.projections.values())
    check("columns", longest, config.max_cols, "max_cols")

    row_bytes = _padded(2 * model.dim, config)
    directory_bytes = _padded(len(_MAGIC) + 8 * 6, config)
    embedding = {"base": directory_bytes // config.memory_bytes,
                 "token_stride": row_bytes // config.memory_bytes}
    rows = np.zeros((model.vocab_size, row_bytes // 2), "<i2")
    rows[:, :model.dim] = model.embedding
    tapes, vectors, constants, states = _tapes(model, config, embedding)

    # The state area lies behind the tapes.
    def state_base():
        return directory_bytes + rows.nbytes + sum(
            _padded(tape_bytes(code, config.lanes), config) for code in tapes.values())

    slot_bytes = states.slot_bytes(config)
    if config.slots == 1 or state_base() + config.slots * slot_bytes > config.memory_size:
        del tapes["prefill"]
    base = state_base() // config.memory_bytes

    directory, data, placed = [], rows.tobytes(), {}
    for name, code in tapes.items():
        tape = assemble(_with_states_at(code, base), config.lanes, config.vector_lanes)
        at, size = directory_bytes + len(data), _padded(len(tape), config)
        placed[name] = Tape(at // config.memory_bytes, size // config.memory_bytes, len(tape))
        directory.append((placed[name].base, placed[name].beats))
        data += tape.ljust(size, b"\0")
    header = _MAGIC + b"".join(struct.pack("<II", *entry) for entry in directory)
    header += struct.pack("<II", embedding["base"], embedding["token_stride"])
    image = Image(header.ljust(directory_bytes, b"\0") + data, placed, base,
                  slot_bytes * config.slots, slot_bytes // config.memory_bytes, states,
                  vectors.words, constants.size, vectors.state_words, vectors.code_words)
    check("bytes of memory", image.size, config.memory_size, "memory_size")
    return image


def outline(model, config, states=None):
    """Return the token tape's instructions without their matrices, and the bytes of the image.

    The image is one without "prefill"; streamed states count from address zero. ``states`` are
    those of a larger model, of which this one is a part.

    Nothing of the model but its shape is looked at, so that one may reason about models whose
    weights nobody has, on machines that cannot hold them.
    """
    row_bytes = _padded(2 * model.dim, config)
    embedding = {"base": 0, "token_stride": row_bytes // config.memory_bytes}
    tapes, _, _, states = _tapes(model, config, embedding, states, pack=lambda trits, lanes: b"")
    del tapes["prefill"]
    size = _padded(len(_MAGIC) + 8 * 6, config) + model.vocab_size * row_bytes
    size += sum(_padded(tape_bytes(tape, config.lanes), config) for tape in tapes.values())
    return tapes["token"], size + states.slot_bytes(config) * config.slots
