"""The state of a stream, kept on the host: a few kilobytes from which a text goes on later.

The state is what a slot of the machine remembers of all its tokens. Its integers depend on the
model alone, so a state saved on one board goes on on any other with the same logits.
"""

import json
import struct
import zlib
from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["StreamState", "restore_stream", "save_stream"]

_MAGIC = b"TRNESTA1"
#: Model's digest, position, number of integers; they and a CRC-32 over all stand around the state.
_HEAD = struct.Struct("<8sIII")


def _digest(model):
    """Return 32 bits that tell models apart: CRC-32 over formats, scales, gains and embedding."""
    numbers = [asdict(layer.formats) for layer in model.layers]
    numbers += [[p.scale, p.gain.fraction] for p in model.projections.values()]
    crc = zlib.crc32(json.dumps(numbers).encode())
    for projection in model.projections.values():
        crc = zlib.crc32(np.ascontiguousarray(projection.gain.values).tobytes(), crc)
    return zlib.crc32(np.ascontiguousarray(model.embedding).tobytes(), crc)


@dataclass(frozen=True)
class StreamState:
    """A stream's state.

    model : int, which model it belongs to; position : int, tokens it has seen
    values : int32 (n_layers * dim,), each layer's h with its ``formats.state`` fraction bits
    """

    model: int
    position: int
    values: np.ndarray

    def to_bytes(self):
        """Return the state as bytes, for a file."""
        data = _HEAD.pack(_MAGIC, self.model, self.position, len(self.values))
        data += np.asarray(self.values).astype("<i4").tobytes()
        return data + struct.pack("<I", zlib.crc32(data))

    @classmethod
    def from_bytes(cls, data):
        """Return the state that :meth:`to_bytes` wrote; ValueError where it is damaged."""
        if (len(data) < _HEAD.size + 4 or data[:8] != _MAGIC
                or struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4])):
            raise ValueError("The saved state of a stream is damaged; save it again")
        _, model, position, count = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 4 * count + 4:
            raise ValueError("The saved state of a stream is damaged; save it again")
        return cls(model, position, np.frombuffer(data, "<i4", count, _HEAD.size))


def save_stream(board, model, slot=0):
    """Return the :class:`StreamState` of a slot; the board must be idle."""
    position = board.read("POSITION", slot)
    # At position zero the memory still holds what another stream left there.
    values = board.state(slot) if position else np.zeros(model.n_layers * model.dim, "<i4")
    return StreamState(_digest(model), position, np.array(values))


def restore_stream(board, model, saved, slot=0):
    """Let a slot go on where a stream was saved; the board must be idle.

    The next run of the slot must not reset it: ``Generation(..., fresh=False)``.

    Raises
    ------
    ValueError
        Where the state belongs to another model.
    """
    if saved.model != _digest(model) or len(saved.values) != model.n_layers * model.dim:
        raise ValueError("The saved state belongs to another model; restore it with the model it "
                         "was saved with")
    board.write_state(saved.values, slot)
    board.write("POSITION", slot, saved.position)
