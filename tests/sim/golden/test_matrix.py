import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trine.sim.golden.matrix import Matrix

#: Most columns for which float32 is exact: no partial sum, in any order, leaves 24 bits.
FLOAT_COLS = ((1 << 24) - 1) // 127


def test_equals_integer_product():
    rng = np.random.default_rng(1)
    for rows, cols in (1, 1), (20, 17), (61, 480):
        trits = rng.integers(-1, 2, (rows, cols), dtype=np.int8)
        codes = rng.integers(-127, 128, cols, dtype=np.int8)
        sums = Matrix(trits)(codes)
        assert sums.dtype == np.int64
        assert_array_equal(sums, trits.astype(np.int64) @ codes.astype(np.int64))


@pytest.mark.parametrize("cols, dtype", [
    (FLOAT_COLS, np.float32), (FLOAT_COLS + 1, np.float64)])
def test_exact_at_the_bound_of_float32(cols, dtype):
    # 2^24 + 1 is the first integer that float32 cannot hold.
    assert int(np.float32((1 << 24) + 1)) != (1 << 24) + 1
    trits = np.ones((3, cols), np.int8)
    trits[1] = -1
    trits[2, 1::2] = -1
    codes = np.full(cols, 127, np.int8)
    codes[0] = 126
    matrix = Matrix(trits)
    assert matrix.trits.dtype == dtype
    total = 127 * cols - 1
    assert_array_equal(matrix(codes), [total, -total, 126 if cols % 2 else -1])
