"""ScalarDivider against integer arithmetic."""

import random
from math import isqrt

import pytest
from amaranth.back import rtlil

from bench import latency, run
from trine.hw.scalar_divider import ScalarDivider

LOW, HIGH = 1 << 30, (1 << 32) - 1


def divisions():
    rng = random.Random(2)
    divisors = [LOW, LOW + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, HIGH - 1, HIGH]
    # Just at and beside divisors whose roots are exact.
    divisors += [(1 << 92) // root ** 2 + n for root in (1 << 30, 1500000000, (1 << 31) - 1)
                 for n in (-1, 0, 1) if LOW <= (1 << 92) // root ** 2 + n <= HIGH]
    divisors += [rng.randint(LOW, HIGH) for _ in range(20)]
    return [{"divisor": divisor, "root": root} for divisor in divisors for root in (0, 1)]


def expected(division):
    if division["root"]:
        return isqrt((1 << 92) // division["divisor"])
    return (1 << 61) // division["divisor"]


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_is_exact(stall):
    inputs = divisions()

    assert run(ScalarDivider(), inputs, len(inputs), stall=stall) == list(map(expected, inputs))


@pytest.mark.parametrize("root", [0, 1])
def test_latency(root):
    dut = ScalarDivider()
    cycles = latency(dut, {"divisor": LOW, "root": root})

    assert cycles == (dut.latency_root if root else dut.latency)


def test_converts():
    assert "remainder" in rtlil.convert(ScalarDivider())
