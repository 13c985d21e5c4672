"""Float32 BLAS gives exact sums up to the bound that Matrix keeps."""

import numpy as np

from trine.sim.golden.matrix import Matrix


def test_exact_at_the_bound():
    # The widest matrix that float32 may hold: every partial sum stays below 2^24.
    cols = ((1 << 24) - 1) // 127
    trits = np.ones((3, cols), np.int8)
    trits[1] = -1
    trits[2, ::2] = -1
    codes = np.full(cols, 127)
    codes[0] = 126

    matrix = Matrix(trits)

    assert matrix.trits.dtype == np.float32
    np.testing.assert_array_equal(matrix(codes), trits.astype(np.int64) @ codes)
    assert Matrix(np.ones((1, cols + 1), np.int8)).trits.dtype == np.float64


def test_random():
    rng = np.random.default_rng(0)
    trits = rng.integers(-1, 2, (50, 700)).astype(np.int8)
    codes = rng.integers(-127, 128, 700)

    np.testing.assert_array_equal(Matrix(trits)(codes), trits.astype(np.int64) @ codes)
