"""The sigmoid's table: held by its digest, and measured against the function itself."""

import hashlib
from decimal import Decimal, localcontext
from itertools import pairwise

import numpy as np

from trine.firmware.isa import SIGMOID_FRACTION
from trine.firmware.tables import SIGMOID
from trine.sim.golden import vector


def test_sigmoid_digest():
    # Gateware that is built, and text that is published, depend on every entry. The table of the
    # Gumbel noise is held in tests/sim/golden/test_gumbel.py.
    digest = hashlib.sha256(np.array(SIGMOID, "<i4").tobytes()).hexdigest()
    assert digest[:16] == "79a005f8c25f5877"


def test_sigmoid_entries_are_rounded_to_the_nearest():
    with localcontext() as context:
        context.prec = 60
        for n, entry in enumerate(SIGMOID):
            exact = (1 << SIGMOID_FRACTION) / (1 + (-Decimal(n) / 64).exp())
            assert abs(entry - exact) <= Decimal("0.5")


def test_sigmoid_segments_fit_the_gateware():
    # The table's row has 23 bits of base above one half and 16 bits of slope.
    half = 1 << SIGMOID_FRACTION - 1
    assert all(0 <= start - half < 1 << 23 and 0 <= end - start < 1 << 16
               for start, end in pairwise(SIGMOID))


def exact_sigmoid(magnitude):
    return 1 / (1 + np.exp(-magnitude))


def test_float64_is_exact_enough_to_measure_with():
    with localcontext() as context:
        context.prec = 40
        for n in range(0, 1 << 26, 99_991):
            exact = 1 / (1 + (-Decimal(n) / (1 << 22)).exp())
            assert abs(Decimal(float(exact_sigmoid(n / (1 << 22)))) - exact) < Decimal("1e-15")


def test_sigmoid_error_over_every_magnitude():
    worst, before, step = 0.0, 1 << SIGMOID_FRACTION - 1, 1 << 16
    for start in range(0, 1 << 26, step):
        a = np.arange(start, start + step)
        values = vector.sigmoid(a, 22)
        error = np.abs(values / (1 << SIGMOID_FRACTION) - exact_sigmoid(a / (1 << 22)))
        worst = max(worst, float(error.max()))
        assert values[0] >= before and np.all(np.diff(values) >= 0), "sigmoid must not fall"
        before = values[-1]
    # More than 22 fraction bits are cut off: another 2^-22 of the argument, a quarter of the value.
    assert 2.9e-6 < worst and worst + 2.0 ** -24 < 3.1e-6
    # Beyond the table it stays.
    assert vector.sigmoid(np.array([1 << 26, (1 << 31) - 1]), 22).tolist() == [before, before]
    assert abs(before / (1 << SIGMOID_FRACTION) - 1) < 2e-7
