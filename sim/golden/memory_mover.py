"""Golden model of the memory mover: addresses, and elements to and from bytes."""

import numpy as np

from .round_shift import saturate

__all__ = ["beat_address", "load", "store"]


def beat_address(fields, slot, token, position, memory_beats):
    """Return the address of a slot's first beat for LOAD or STORE with ``fields``.

    slot, token, position : int, 0 or more; memory_beats : int, where addresses wrap
    """
    return (fields["base"] + slot * fields["slot_stride"] + token * fields["token_stride"]
            + position * fields["position_stride"]) % memory_beats


def load(data, wide, shift):
    """Return the elements in ``data``, shifted left and saturated.

    data : bytes of int16, or int32 where ``wide``, little-endian; shift : int, 0 ... 63
    returns : int64 (elements,), int32 values
    """
    values = np.frombuffer(data, "<i4" if wide else "<i2").astype(np.int64)
    # 31 bits are as good as more: only zero stays within int32.
    return saturate(values << min(shift, 31))


def store(values, wide, burst_bytes):
    """Return the bytes of ``values``, padded with zeros to whole bursts.

    values : int64 (elements,), int32 values; without ``wide`` their lower 16 bits are kept
    """
    data = values.astype("<i4" if wide else "<i2").tobytes()
    return data.ljust(-(-len(data) // burst_bytes) * burst_bytes, b"\0")
