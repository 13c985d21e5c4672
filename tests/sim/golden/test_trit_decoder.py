import numpy as np
from numpy.testing import assert_array_equal

from trine.firmware.packing import pack_trits
from trine.sim.golden.trit_decoder import trit_decoder


def test_undoes_packing():
    trits = np.random.default_rng(1).integers(-1, 2, 500, dtype=np.int8)
    packed = np.frombuffer(pack_trits(trits), np.uint8)
    assert_array_equal(trit_decoder(packed), trits.reshape(-1, 5))


def test_bytes_that_are_no_codes():
    # Escaped or not, a first index of 27 or more reads as three zeros.
    assert_array_equal(trit_decoder([0b101_11011]), [[0, 0, 0, -1, 1]])
    assert_array_equal(trit_decoder([0b110_11111]), [[0, 0, 0, -1, -1]])
