"""Packed trits: five weights in a byte (1.6 bits each), escape-coded for a small decoder."""

import numpy as np

__all__ = ["TRITS", "VALID", "matrix_bytes", "pack_matrix", "pack_trits", "unpack_matrix",
           "unpack_trits"]

# A trit is written as a base-3 digit: 0 is 0, +1 is 1, -1 is 2. So byte 0x00 is five zeros.
_DIGITS = (0, 1, -1)


def _decode(byte):
    """Return the five trits of a byte, and whether the byte is a code.

    Bits 4:2 all set are the escape. Without it bits 4:0 (0 ... 26) hold trits 0 to 2, and bits
    7:5 (0 ... 7) trits 3 and 4: 216 codes. With it bits {7:5, 1:0} (0 ... 26) hold trits 0 to 2,
    and trits 3 and 4 are index 8, the one that three bits cannot say: 27 codes. In the other 13
    bytes the first index is 27 or more, and trits 0 to 2 read as zeros.
    """
    if byte & 0b11100 == 0b11100:
        three, two = byte >> 5 << 2 | byte & 3, 8
    else:
        three, two = byte & 31, byte >> 5
    valid = three < 27
    three = three if valid else 0
    digits = three % 3, three // 3 % 3, three // 9, two % 3, two // 3
    return [_DIGITS[digit] for digit in digits], valid


_TABLE = [_decode(byte) for byte in range(256)]

#: The five trits of every byte, int8 (256, 5), first trit first.
TRITS = np.array([trits for trits, _ in _TABLE], np.int8)
#: Whether a byte is a code: bool (256), true for 243 of them.
VALID = np.array([valid for _, valid in _TABLE])

# Five trits read as a balanced ternary number, -121 ... 121, fit int8: an index that NumPy
# computes fast. 0 is in the middle of this table, and negative numbers index it from its end.
_PLACES = (1, 3, 9, 27, 81)
_CODES = np.zeros(256, np.uint8)
_CODES[(TRITS[VALID] @ np.array(_PLACES)) & 0xFF] = np.flatnonzero(VALID)


def _trits(trits):
    """Return ``trits`` as int8, or raise ValueError where they are no trits."""
    trits = np.asarray(trits)
    if trits.dtype.kind not in "iu":
        raise ValueError(f"Trits must be integers, not {trits.dtype}")
    # One pass over int8 instead of two: -1, 0 and +1 are those that +1 takes to 0 ... 2.
    narrow = trits.astype(np.int8, copy=False)
    if trits.size and ((narrow + np.int8(1)).view(np.uint8).max() > 2
                       or (trits.dtype != np.int8 and np.any(narrow != trits))):
        wrong = trits.reshape(-1)[np.flatnonzero((trits < -1) | (trits > 1))[0]]
        raise ValueError(f"Trits must be -1, 0 or +1, not {wrong}")
    return narrow


def _lanes(lanes):
    if lanes < 1 or lanes % 5:
        raise ValueError(f"Lane count must be a positive multiple of 5, not {lanes}")


def pack_trits(trits):
    """Return trits as bytes, five in each, the first in the least significant digit.

    trits : int (n), -1, 0 or +1; zeros are appended up to a multiple of five
    returns : bytes, ceil(n / 5)
    """
    trits = _trits(trits)
    if trits.ndim != 1:
        raise ValueError(f"Trits must be one row, not an array of shape {trits.shape}")
    if trits.size % 5:
        trits = np.concatenate([trits, np.zeros(-trits.size % 5, np.int8)])
    groups = trits.reshape(-1, 5)
    number = groups[:, 0].copy()
    for n, place in enumerate(_PLACES[1:], 1):
        number += groups[:, n] * np.int8(place)
    return _CODES[number.view(np.uint8)].tobytes()


def unpack_trits(data, count=None):
    """Return the first ``count`` trits of packed bytes; all of them where it is None.

    data : bytes
    returns : int8 (count)
    """
    codes = np.frombuffer(data, np.uint8)
    if count is not None and -(-count // 5) != len(codes):
        raise ValueError(f"{count} trits take {-(-count // 5)} bytes, not {len(codes)}")
    valid = VALID[codes]
    if not valid.all():
        at = int(np.argmin(valid))
        raise ValueError(f"Byte 0x{codes[at]:02x} at position {at} is no code of five trits; "
                         "the packed weights are damaged")
    return TRITS.take(codes, axis=0).reshape(-1)[:count]


def matrix_bytes(rows, cols, lanes):
    """Return the number of bytes that a packed matrix takes on a tape."""
    _lanes(lanes)
    full, rest = divmod(rows, lanes)
    return cols * (full * (lanes // 5) + -(-rest // 5))


def pack_matrix(trits, lanes):
    """Return a matrix in tape order, the payload of MATVEC.

    Tiles of ``lanes`` rows; in each, for every column, ceil(tile rows / 5) bytes: the last tile
    is narrow. Rows that a byte has room for and the matrix lacks are zero.

    trits : int (rows, cols), -1, 0 or +1
    returns : bytes, ``matrix_bytes(rows, cols, lanes)``
    """
    _lanes(lanes)
    trits = _trits(trits)
    if trits.ndim != 2:
        raise ValueError(f"Matrix must have two dimensions, not shape {trits.shape}")
    rows, cols = trits.shape
    full, rest = divmod(rows, lanes)
    tiles = trits[:full * lanes].reshape(full, lanes, cols).transpose(0, 2, 1)
    last = np.zeros((cols, -(-rest // 5) * 5), np.int8)
    last[:, :rest] = trits[full * lanes:].T
    return pack_trits(tiles.reshape(-1)) + pack_trits(last.reshape(-1))


def unpack_matrix(data, rows, cols, lanes):
    """Return the matrix that :func:`pack_matrix` packed.

    data : bytes, ``matrix_bytes(rows, cols, lanes)``
    returns : int8 (rows, cols)
    """
    size = matrix_bytes(rows, cols, lanes)
    if len(data) != size:
        raise ValueError(f"A matrix of {rows} rows and {cols} columns takes {size} bytes for "
                         f"{lanes} lanes, not {len(data)}")
    trits = unpack_trits(data)
    full, rest = divmod(rows, lanes)
    matrix = np.empty((rows, cols), np.int8)
    split = full * lanes * cols
    matrix[:full * lanes].reshape(full, lanes, cols)[:] = \
        trits[:split].reshape(full, cols, lanes).transpose(0, 2, 1)
    matrix[full * lanes:] = trits[split:].reshape(cols, -(-rest // 5) * 5)[:, :rest].T
    return matrix
