"""RoundShift against its golden model."""

import numpy as np
import pytest

from bench import latency, run
from conversion import convert
from trine.hw.round_shift import RoundShift
from trine.sim.golden.round_shift import INT32_MAX, INT32_MIN, round_shift, saturate, scale

#: Products of two int32 go from -2^31 * (2^31 - 1) to 2^62.
LOW, HIGH = INT32_MIN * INT32_MAX, 1 << 62
EXTREMES = [LOW, -(1 << 33), -(1 << 32) - 1, -(1 << 32), INT32_MIN - 1, INT32_MIN, -3, -2, -1, 0, 1,
            2, 3, INT32_MAX, INT32_MAX + 1, 1 << 32, (1 << 32) + 1, 1 << 33, HIGH]


def payload(product, shift, left=0, wide=0):
    return {"product": product, "shift": shift, "left": left, "wide": wide}


def value(limited):
    return limited["value"] | (1 << 31) - 1 if limited["ones"] else limited["value"]


def check(inputs, **options):
    outputs = [value(output) for output in run(RoundShift(), inputs, len(inputs), **options)]
    for given, output in zip(inputs, outputs):
        product, shift = np.array([given["product"]]), given["shift"]
        if given["left"]:
            expected = [0 if product == 0 else INT32_MIN if product < 0 else INT32_MAX]
        elif given["wide"]:
            # What matters is the sum with an int32, limited.
            for third in (INT32_MIN, -1, 0, INT32_MAX):
                assert saturate(output + third) == saturate(round_shift(product, shift) + third)
            continue
        else:
            expected = saturate(round_shift(product, shift))
        assert output == expected[0], given
    assert len(outputs) == len(inputs)


@pytest.mark.parametrize("wide", [0, 1])
def test_extremes_with_all_shifts(wide):
    check([payload(product, shift, wide=wide) for shift in range(64) for product in EXTREMES],
          stall=0.0)


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_random_products_of_any_size(stall):
    rng = np.random.default_rng(3)
    products = rng.integers(LOW, HIGH, 500, endpoint=True) >> rng.integers(0, 63, 500)
    check([payload(product, int(rng.integers(64)), left=n % 10 == 0, wide=n % 10 in (1, 4, 7))
           for n, product in enumerate(products.tolist())], stall=stall)


def test_halves_are_rounded_up():
    check([payload(quarters << shift - 2, shift) for shift in range(2, 61)
           for quarters in (-6, -5, -3, -2, -1, 1, 2, 3, 5, 6)], stall=0.0)


def test_left_is_what_scale_does_with_a_positive_exponent():
    values = [INT32_MIN, -1, 0, 1, INT32_MAX]
    outputs = run(RoundShift(), [payload(x << 30, 0, left=1) for x in values], len(values))
    assert [value(output) for output in outputs] == scale(np.array(values), (1 << 30, 5)).tolist()


def test_latency():
    assert latency(RoundShift(), payload(1 << 40, 20)) == RoundShift.latency


def test_converts():
    convert(RoundShift())
