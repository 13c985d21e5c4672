"""PLL: the ECP5's EHXPLLL as two clocks of one frequency, the second one shifted.

Ref: Lattice FPGA-DS-02012, sysCLOCK PLL timing; FPGA-TN-02200, EHXPLLL.
"""

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PLL", "PLLSettings", "pll_settings"]

#: Limits in Hz: phase detector, oscillator. Dividers are 1 to 128.
_DETECTOR = 3_125_000, 400_000_000
_OSCILLATOR = 400_000_000, 800_000_000
_DIVIDERS = range(1, 129)
_MIDDLE = 600_000_000
#: How far off a clock may be that was asked for: it is written with few digits.
_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class PLLSettings:
    """Dividers of one frequency: ``input / input_div * feedback_div``.

    input_hz, output_hz : rounded to whole Hz; output_div : oscillator over output; degrees : what
    the second clock lags behind the first, as near as the PLL comes to what was asked for
    """

    input_hz: int
    input_div: int
    feedback_div: int
    output_div: int
    shift: int

    @property
    def output_hz(self):
        """Frequency of both clocks, rounded to whole Hz."""
        return round(self.input_hz * self.feedback_div / self.input_div)

    @property
    def steps(self):
        """Steps of phase in a period: an eighth of the oscillator's period each."""
        return 8 * self.output_div

    @property
    def degrees(self):
        """Phase of the second clock, in degrees behind the first."""
        return 360 * self.shift / self.steps


def _dividers(input_hz):
    """Yield (frequency, input divider, feedback divider, output divider), best of its kind last."""
    for input_div in _DIVIDERS:
        detector = input_hz / input_div
        if not _DETECTOR[0] <= detector <= _DETECTOR[1]:
            continue
        for feedback_div in _DIVIDERS:
            output_hz = detector * feedback_div
            for output_div in _DIVIDERS:
                if _OSCILLATOR[0] <= output_hz * output_div <= _OSCILLATOR[1]:
                    yield output_hz, input_div, feedback_div, output_div


def pll_settings(*, input_hz, output_hz, degrees=0):
    """Find dividers for a frequency and a phase.

    Of all that make the frequency, those with the fastest phase detector are taken (least jitter),
    and of these the one whose oscillator is nearest to the middle of its range.

    Parameters
    ----------
    input_hz, output_hz : :class:`int` or :class:`float`
        Frequencies; the output may be off by 0.01 %.
    degrees : :class:`float`
        What the second clock lags behind the first, rounded to a step.

    Raises
    ------
    ValueError
        Where the PLL cannot make the frequency; the sentence names the nearest ones.
    """
    found = list(_dividers(input_hz))
    exact = [item for item in found if abs(item[0] / output_hz - 1) <= _TOLERANCE]
    if not exact:
        below = max((item[0] for item in found if item[0] < output_hz), default=None)
        above = min((item[0] for item in found if item[0] > output_hz), default=None)
        near = " or ".join(f"{hz / 1e6:.6g} MHz" for hz in (below, above) if hz)
        raise ValueError(f"The PLL cannot make {output_hz / 1e6:g} MHz from the board's "
                         f"{input_hz / 1e6:g} MHz; choose {near}")
    _, input_div, feedback_div, output_div = max(
        exact, key=lambda item: (-item[1], -abs(item[0] * item[3] - _MIDDLE)))
    steps = 8 * output_div
    return PLLSettings(input_hz=input_hz, input_div=input_div, feedback_div=feedback_div,
                       output_div=output_div, shift=round(degrees / 360 * steps) % steps)


class PLL(wiring.Component):
    """Two clocks of one frequency.

    Parameters
    ----------
    settings : :class:`PLLSettings`
        Frequency and phase.

    Members
    -------
    clk : :py:`In(1)`
        The board's clock.
    o, shifted : :py:`Out(1)`
        The clock, in phase with ``clk``'s edges, and the same lagging by ``settings.degrees``.
    locked : :py:`Out(1)`
        Both clocks are stable. Asynchronous.
    phase_step : :py:`In(1)`
        Each falling edge delays ``shifted`` by one of ``settings.steps``. It may change every four
        periods of the oscillator.
    """

    clk: In(1)
    o: Out(1)
    shifted: Out(1)
    locked: Out(1)
    phase_step: In(1)

    def __init__(self, settings):
        self.settings = settings
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        divider = self.settings.output_div
        coarse, fine = divmod(self.settings.shift, 8)
        m.submodules.ehxplll = Instance(
            "EHXPLLL",
            p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="ENABLED", p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=self.settings.input_div, p_CLKFB_DIV=self.settings.feedback_div,
            p_CLKOP_ENABLE="ENABLED", p_CLKOP_DIV=divider,
            p_CLKOP_CPHASE=divider - 1, p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED", p_CLKOS_DIV=divider,
            p_CLKOS_CPHASE=divider - 1 + coarse, p_CLKOS_FPHASE=fine,
            # Of the analogue parts: what Diamond writes, as nextpnr's own examples do.
            a_ICP_CURRENT="12", a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            i_CLKI=self.clk, i_CLKFB=self.o, i_RST=C(0), i_STDBY=C(0), i_PLLWAKESYNC=C(0),
            i_ENCLKOP=C(0), i_ENCLKOS=C(0),
            # CLKOS is number 0.
            i_PHASESEL0=C(0), i_PHASESEL1=C(0), i_PHASELOADREG=C(0),
            i_PHASEDIR=C(0), i_PHASESTEP=self.phase_step,
            o_CLKOP=self.o, o_CLKOS=self.shifted, o_LOCK=self.locked)

        return m
