"""ElementLoader against its golden function."""

import numpy as np
import pytest
from amaranth.back import rtlil

from bench import latency, run, transfers
from trine.hw.element_loader import ElementLoader
from trine.sim.golden import memory_mover as golden

EXTREMES = [0, 1, -1, 2, -2, 3, -3, 32767, -32768, 255, -256, 16384, -16385, 511, 512, -513]


def halves_of(data):
    return np.frombuffer(data, "<u2").tolist()


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("shift", [0, 1, 7, 8, 15, 16, 17, 23, 30, 31, 32, 33, 47, 48, 63])
@pytest.mark.parametrize("wide", [0, 1])
def test_matches_golden(wide, shift, stall):
    rng = np.random.default_rng(shift)
    if wide:
        values = [v << n for v in EXTREMES for n in (0, 9, 15, 16)]
        values = [v for v in values if -(1 << 31) <= v < 1 << 31]
        values += (rng.integers(-(1 << 31), 1 << 31, 40) >> rng.integers(0, 32, 40)).tolist()
    else:
        values = EXTREMES + (rng.integers(-(1 << 15), 1 << 15, 40)
                             >> rng.integers(0, 16, 40)).tolist()
    data = np.array(values, "<i4" if wide else "<i2").tobytes()

    outputs = run(ElementLoader(), halves_of(data), len(values), stall=stall,
                  pins={"wide": wide, "shift": shift})

    np.testing.assert_array_equal(outputs, golden.load(data, wide, shift))


@pytest.mark.parametrize("wide", [0, 1])
def test_latency_and_rate(wide):
    pins = {"wide": wide, "shift": 3}
    assert latency(ElementLoader(), [1] * (1 + wide), pins=pins) == ElementLoader.latency
    moved = transfers(ElementLoader(), {"i": [1] * 32}, {"o": 32 >> wide}, pins=pins, stall=0.0)
    times = [time for time, _ in moved["i"]]
    assert times[-1] - times[0] == 31


def test_converts():
    rtlil.convert(ElementLoader(), name="element_loader")
