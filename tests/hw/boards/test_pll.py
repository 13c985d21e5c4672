"""Dividers of the PLL: within the data sheet's limits, exact, and one sentence where impossible."""

import pytest
from amaranth.back import rtlil

from trine.hw.boards.pll import PLL, pll_settings


@pytest.mark.parametrize("input_hz", (25_000_000, 50_000_000))
@pytest.mark.parametrize("output_hz", (80e6, 100e6, 105e6, 112.5e6, 125e6, 133.333e6, 150e6))
@pytest.mark.parametrize("degrees", (0, 90, 223.2, 359))
def test_settings_keep_the_limits(input_hz, output_hz, degrees):
    settings = pll_settings(input_hz=input_hz, output_hz=output_hz, degrees=degrees)
    detector = input_hz / settings.input_div
    oscillator = detector * settings.feedback_div * settings.output_div
    assert detector >= 3.125e6
    assert 400e6 <= oscillator <= 800e6
    assert settings.output_hz == pytest.approx(output_hz, rel=1e-4)
    off = (settings.degrees - degrees + 180) % 360 - 180
    assert abs(off) <= 180 / settings.steps
    for divider in (settings.input_div, settings.feedback_div, settings.output_div):
        assert 1 <= divider <= 128
    # The coarse phase must fit beside its offset.
    assert settings.output_div - 1 + settings.shift // 8 <= 127


def test_known_dividers():
    settings = pll_settings(input_hz=25_000_000, output_hz=100e6)
    assert (settings.input_div, settings.feedback_div, settings.output_div) == (1, 4, 6)
    settings = pll_settings(input_hz=25_000_000, output_hz=133.3333e6)
    assert (settings.input_div, settings.feedback_div, settings.output_div) == (3, 16, 5)
    assert settings.output_hz == 133_333_333


@pytest.mark.parametrize("mhz, sentence", (
    (133, "cannot make 133 MHz from the board's 25 MHz; choose 132.143 MHz or 133.333 MHz"),
    (0.1, "cannot make 0.1 MHz from the board's 25 MHz; choose 3.125 MHz"),
    (5000, "cannot make 5000 MHz from the board's 25 MHz; choose 800 MHz"),
))
def test_impossible_clock(mhz, sentence):
    with pytest.raises(ValueError, match=sentence):
        pll_settings(input_hz=25_000_000, output_hz=mhz * 1e6)


def test_parameters_of_the_primitive():
    pll = PLL(pll_settings(input_hz=25_000_000, output_hz=100e6, degrees=202.5))
    text = rtlil.convert(pll)
    for name, value in {"CLKI_DIV": 1, "CLKFB_DIV": 4, "CLKOP_DIV": 6, "CLKOS_DIV": 6,
                        "CLKOP_CPHASE": 5, "CLKOS_CPHASE": 5 + 3, "CLKOS_FPHASE": 3}.items():
        assert f"parameter \\{name} {value}\n" in text.replace("signed ", ""), name
