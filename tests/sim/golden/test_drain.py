import numpy as np
from numpy.testing import assert_array_equal

from trine.sim.golden.drain import drain


def test_order_by_hand():
    sums = np.arange(21).reshape(3, 7)
    slot, row, value = drain(sums, 5, [True, False, True])
    assert_array_equal(slot, [0] * 5 + [2] * 5 + [0] * 2 + [2] * 2)
    assert_array_equal(row, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 5, 6])
    assert_array_equal(value, [0, 1, 2, 3, 4, 14, 15, 16, 17, 18, 5, 6, 19, 20])


def test_every_sum_once():
    sums = np.random.default_rng(1).integers(-1000, 1000, (3, 47))
    slot, row, value = drain(sums, 20)
    back = np.full_like(sums, 1 << 40)
    back[slot, row] = value
    assert len(value) == sums.size
    assert_array_equal(back, sums)


def test_no_active_slot():
    assert [len(part) for part in drain(np.zeros((2, 3)), 5, [False, False])] == [0, 0, 0]
