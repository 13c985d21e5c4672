from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from trine.firmware.packing import (
    TRITS,
    VALID,
    matrix_bytes,
    pack_matrix,
    pack_trits,
    unpack_matrix,
    unpack_trits,
)

TRIT = st.integers(-1, 1)


def test_all_codes():
    everything = np.array(np.meshgrid(*[[0, 1, -1]] * 5, indexing="ij")).reshape(5, -1).T
    packed = [pack_trits(trits) for trits in everything]
    assert len(set(packed)) == 243 == VALID.sum()
    assert all(len(code) == 1 and VALID[code[0]] for code in packed)
    for code, trits in zip(packed, everything):
        assert_array_equal(TRITS[code[0]], trits)
        assert_array_equal(unpack_trits(code), trits)


@pytest.mark.parametrize("trits, code", [
    ([0, 0, 0, 0, 0], 0x00),
    ([1, 0, 0, 0, 0], 0x01),
    ([-1, 0, 0, 0, 0], 0x02),
    ([0, 1, 0, 0, 0], 0x03),
    ([-1, -1, -1, 0, 0], 26),
    ([0, 0, 0, 1, 0], 1 << 5),
    ([0, 0, 0, 1, -1], 7 << 5),
    # Index 8 of the last two trits is the escape; the others move to bits {7:5, 1:0}.
    ([0, 0, 0, -1, -1], 0b000_111_00),
    ([1, -1, 0, -1, -1], 0b001_111_11),
    ([-1, -1, -1, -1, -1], 0b110_111_10),
])
def test_code_by_hand(trits, code):
    assert pack_trits(np.array(trits, np.int8)) == bytes([code])


def test_invalid_bytes():
    invalid = np.flatnonzero(~VALID)
    assert len(invalid) == 13
    assert not TRITS[invalid, :3].any()
    for code in invalid.tolist():
        with pytest.raises(ValueError, match=rf"^Byte 0x{code:02x} at position 2 is no code of "
                                             r"five trits; the packed weights are damaged$"):
            unpack_trits(bytes([0, 5, code, code]))


@given(hnp.arrays(np.int8, st.integers(0, 64), elements=TRIT))
def test_trits_round_trip(trits):
    packed = pack_trits(trits)
    assert len(packed) == -(-len(trits) // 5)
    assert_array_equal(unpack_trits(packed, len(trits)), trits)
    assert not unpack_trits(packed)[len(trits):].any()
    assert unpack_trits(packed).dtype == np.int8


@given(st.binary(max_size=32))
def test_bytes_round_trip_or_are_refused(data):
    if all(VALID[code] for code in data):
        assert pack_trits(unpack_trits(data)) == data
    else:
        with pytest.raises(ValueError):
            unpack_trits(data)


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 47), st.integers(1, 9)), elements=TRIT),
       st.sampled_from([5, 10, 20]))
def test_matrix_round_trip(trits, lanes):
    rows, cols = trits.shape
    packed = pack_matrix(trits, lanes)
    assert len(packed) == matrix_bytes(rows, cols, lanes)
    assert_array_equal(unpack_matrix(packed, rows, cols, lanes), trits)
    # A non-contiguous matrix packs like its copy.
    assert pack_matrix(np.asfortranarray(trits), lanes) == packed


def test_matrix_order():
    # Written as the documentation says it: tile, column, five lanes at a time.
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (33, 4), dtype=np.int8)
    expected = b""
    for tile in range(0, 33, 10):
        rows = trits[tile:min(tile + 10, 33)]
        for col in range(4):
            expected += pack_trits(rows[:, col])
    assert pack_matrix(trits, 10) == expected
    assert matrix_bytes(33, 4, 10) == len(expected) == 3 * 4 * 2 + 4 * 1


@pytest.mark.parametrize("trits, message", [
    ([0, 2, 1], "Trits must be -1, 0 or \\+1, not 2"),
    ([0, -1, -2], "Trits must be -1, 0 or \\+1, not -2"),
    ([127], "Trits must be -1, 0 or \\+1, not 127"),
    ([256], "Trits must be -1, 0 or \\+1, not 256"),
    ([0.5], "Trits must be integers, not float64"),
    ([[0, 1]], r"Trits must be one row, not an array of shape \(1, 2\)"),
])
def test_wrong_trits(trits, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack_trits(np.array(trits))


def test_wrong_sizes():
    with pytest.raises(ValueError, match=r"^6 trits take 2 bytes, not 3$"):
        unpack_trits(bytes(3), 6)
    with pytest.raises(ValueError, match=r"^0 trits take 0 bytes, not 1$"):
        unpack_trits(bytes(1), 0)
    with pytest.raises(ValueError, match=r"^A matrix of 4 rows and 3 columns takes 3 bytes for "
                                         r"10 lanes, not 4$"):
        unpack_matrix(bytes(4), 4, 3, 10)
    with pytest.raises(ValueError, match=r"^Matrix must have two dimensions, not shape \(5,\)$"):
        pack_matrix(np.zeros(5, np.int8), 5)
    for lanes in (0, 4, -5):
        with pytest.raises(ValueError, match=rf"^Lane count must be a positive multiple of 5, "
                                             rf"not {lanes}$"):
            matrix_bytes(4, 3, lanes)


def test_speed():
    # 20 M trits/s is the promise; the machine may be busy, so the best of a few counts.
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, 2_000_000, dtype=np.int8)
    packed = pack_trits(trits)
    for function, argument in ((pack_trits, trits), (unpack_trits, packed)):
        best = float("inf")
        for _ in range(5):
            start = perf_counter()
            function(argument)
            best = min(best, perf_counter() - start)
        assert len(trits) / best > 20e6
