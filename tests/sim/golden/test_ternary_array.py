import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trine.firmware.packing import pack_matrix
from trine.sim.golden.ternary_array import ternary_array


@pytest.mark.parametrize("lanes", [5, 10, 20])
@pytest.mark.parametrize("slots", [1, 3])
def test_equals_python_integers(slots, lanes):
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (33, 17), dtype=np.int8)
    codes = rng.integers(-127, 128, (slots, 17), dtype=np.int8)
    sums = [[sum(int(t) * int(c) for t, c in zip(row, vector)) for row in trits]
            for vector in codes]
    assert_array_equal(ternary_array(codes, pack_matrix(trits, lanes), 33, lanes), sums)
