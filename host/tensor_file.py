"""safetensors files tensor by tensor: read in any float type, written in any order.

Ref: https://huggingface.co/docs/safetensors: eight bytes of header length, the header as JSON, then
the tensors' bytes without gaps.
"""

import json
import os
import tempfile
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path

import numpy as np

from .files import parse_json, whole

__all__ = ["TensorFile", "TensorFileError", "TensorFileWriter"]

#: NumPy's types by the format's names. NumPy has no bfloat16: its bits are read as integers.
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I16": "<i2", "U16": "<u2",
          "I8": "i1", "U8": "u1"}
_NAMES = {np.dtype(_TYPES[name]): name for name in ("I16", "U16", "I8", "U8", "F32", "F64")}
#: A longer header is refused, as the format's own library does.
_LONGEST_HEADER = 100_000_000


class TensorFileError(ValueError):
    """A file that is no safetensors file, or a damaged one; the message is one sentence."""


class TensorFile:
    """A safetensors file, read tensor by tensor.

    Attributes
    ----------
    shapes : dict of str to tuple of int

    Raises
    ------
    TensorFileError
        Where the header cannot be read or disagrees with the file's length.
    """

    def __init__(self, path):
        self.path = Path(path)
        size = self.path.stat().st_size
        try:
            with open(self.path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                    raise ValueError("its header has no sensible length")
                header = parse_json(file.read(length))
            header.pop("__metadata__", None)
            self._start = 8 + length
            self._entries = {}
            for name, entry in header.items():
                shape, (start, stop) = entry["shape"], entry["data_offsets"]
                for number in (*shape, start, stop):
                    whole(number, 0, size, f"a size of tensor {name}")
                self._entries[name] = entry["dtype"], tuple(shape), start, stop
            for name, (dtype, shape, start, stop) in self._entries.items():
                if dtype not in _TYPES:
                    raise ValueError(f"tensor {name} has the unknown type {dtype}")
                if (not start <= stop <= size - self._start
                        or stop - start != prod(shape) * np.dtype(_TYPES[dtype]).itemsize):
                    raise ValueError(f"tensor {name} lies outside the file")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TensorFileError(f"File {self.path} is truncated or damaged ({error}); fetch it "
                                  f"again") from error
        self.shapes = {name: entry[1] for name, entry in self._entries.items()}

    def read(self, name):
        """Return a tensor; one of type BF16 or F16 as float32."""
        dtype, shape, start, stop = self._entries[name]
        kind = np.dtype(_TYPES[dtype])
        tensor = np.fromfile(self.path, kind, (stop - start) // kind.itemsize,
                             offset=self._start + start).reshape(shape)
        if dtype == "BF16":
            # A bfloat16 is the upper half of a float32.
            tensor = tensor.astype(np.uint32)
            tensor <<= 16
            return tensor.view(np.float32)
        return tensor.astype(np.float32) if dtype == "F16" else tensor


@contextmanager
def _explained(path):
    """Let an OSError name the file that could not be written."""
    try:
        yield
    except OSError as error:
        raise OSError(f"File {path} could not be written ({error.strerror or error}); make room or "
                      f"choose another place") from error


class TensorFileWriter:
    """Writes a safetensors file, tensor by tensor; it appears under its name when it is whole.

    Use it as a context manager: what was not finished leaves nothing behind.

    Parameters
    ----------
    path : path-like
        The file's name; what bears it stays until :meth:`finish`.
    tensors : dict of str to (dtype, shape)
        What will be written.
    room : int
        Bytes kept free for the metadata as JSON, which :meth:`finish` is given.
    """

    def __init__(self, path, tensors, room):
        self.path = Path(path)
        # Wide types first keeps every tensor aligned to its elements.
        order = sorted(tensors, key=lambda name: (-np.dtype(tensors[name][0]).itemsize, name))
        self._entries, at = {}, 0
        for name in order:
            dtype, shape = np.dtype(tensors[name][0]), tuple(map(int, tensors[name][1]))
            size = prod(shape) * dtype.itemsize
            self._entries[name] = {"dtype": _NAMES[dtype], "shape": shape,
                                   "data_offsets": (at, at + size)}
            at += size
        self._start = 8 + -(-(len(json.dumps(self._entries)) + room + 64) // 8) * 8
        self._missing = set(order)

    def __enter__(self):
        with _explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        self._temporary, self._file = Path(name), os.fdopen(handle, "w+b")
        return self

    def __exit__(self, *_):
        # What cannot be flushed is thrown away.
        with suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def put(self, name, tensor):
        """Write a tensor of the announced type and shape."""
        entry = self._entries[name]
        tensor = np.ascontiguousarray(tensor)
        if (_NAMES[tensor.dtype], tensor.shape) != (entry["dtype"], entry["shape"]):
            raise ValueError(f"Tensor {name} must be {entry['dtype']} {entry['shape']}, not "
                             f"{tensor.dtype} {tensor.shape}")
        with _explained(self.path):
            self._file.seek(self._start + entry["data_offsets"][0])
            self._file.write(tensor.data)
        self._missing.discard(name)

    def get(self, name):
        """Return a tensor that was written."""
        entry = self._entries[name]
        start, stop = entry["data_offsets"]
        with _explained(self.path):
            self._file.seek(self._start + start)
            data = self._file.read(stop - start)
        return np.frombuffer(data, _TYPES[entry["dtype"]]).reshape(entry["shape"])

    def finish(self, metadata):
        """Write the header with ``metadata``, a dict of str, and give the file its name."""
        if self._missing:
            raise ValueError(f"Tensor {min(self._missing)} was never written")
        header = json.dumps({"__metadata__": metadata} | self._entries, ensure_ascii=True).encode()
        room = self._start - 8
        if len(header) > room:
            raise ValueError(f"The header takes {len(header)} bytes, {room} were kept for it")
        with _explained(self.path):
            self._file.seek(0)
            self._file.write(room.to_bytes(8, "little") + header.ljust(room))
            self._file.flush()
            os.fsync(self._file.fileno())
            os.chmod(self._temporary, 0o644)
            os.replace(self._temporary, self.path)
