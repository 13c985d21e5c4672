"""Watts of a board, estimated: low, typical and high, each from inputs that are written down here.

Board power = (FPGA static + FPGA dynamic + SDRAM + pins) / regulator efficiency + the rest of the
board. No input was measured on a board; where a source is named the figure is from there, the
others are assumptions. No ULX3S design has been measured above 2.5 W, the manual's bound for a
fully loaded board, and none of these numbers is a measurement either.

Ref: ULX3S manual, power; Lattice FPGA-DS-02012 (ECP5 standby currents, quoted from memory);
Winbond W9812G6IH, W9864G6JH, W9825G2JB (SDRAM currents); Micron TN-46-03 (SDRAM power method).
"""

from dataclasses import dataclass

__all__ = ["Watts", "estimate_watts"]

#: LUTs, flip-flops, block RAMs and 18x18 multipliers, until the design is placed: assumed.
_RESOURCES = {"lut": 10_000, "ff": 8_000, "bram": 60, "dsp": 16}

_INPUTS = {
    # Static: LFE5U-85F core 212 mA at 1.1 V and auxiliary 26 mA at 2.5 V, 25 C, +- 25 %.
    "static": (0.22, 0.30, 0.38),
    # Energy per LUT and flip-flop and clock, block RAM access and product, in pJ: assumed for
    # 40 nm, with a band of three; LUTs toggle in one clock of eight.
    "lut_pj": (0.005, 0.015, 0.045), "ff_pj": (0.02, 0.05, 0.15),
    "bram_pj": (2.0, 6.0, 18.0), "dsp_pj": (3.0, 8.0, 24.0),
    # SDRAM currents in A at 3.3 V: standby at rated clock, more while reading; rated clock in Hz.
    "idle_a": (0.035, 0.050, 0.070), "read_a": (0.040, 0.055, 0.080), "rated_hz": (166e6,) * 3,
    # Refresh on top: (IDD5 - IDD3N) * tRFC / tREFI.
    "refresh_w": (0.001, 0.003, 0.005),
    # 16 data pins of 12 pF at 3.3 V, a quarter of the bits change: assumed.
    "pin_pf": (6.0, 12.0, 18.0),
    # Regulators; USB bridge, oscillator, LEDs, ESP32 held in reset: assumed.
    "efficiency": (0.90, 0.85, 0.80), "rest": (0.06, 0.10, 0.30),
}


@dataclass(frozen=True)
class Watts:
    """An estimate in watts."""

    low: float
    typical: float
    high: float

    def as_dict(self):
        """Return the three figures by name, rounded to hundredths."""
        return {name: round(getattr(self, name), 2) for name in ("low", "typical", "high")}


def estimate_watts(clock_hz, memory_utilization, resources=None):
    """Return :class:`Watts` of an ULX3S-85F.

    clock_hz : of core and SDRAM; memory_utilization : share of cycles with a beat, 0 to 1;
    resources : dict with lut, ff, bram, dsp as placed, or None for assumed ones
    """
    used = resources or _RESOURCES

    def watts(n):
        value = {name: figures[n] for name, figures in _INPUTS.items()}
        dynamic = clock_hz * 1e-12 * (
            used["lut"] * value["lut_pj"] + used["ff"] * value["ff_pj"]
            + used["bram"] * value["bram_pj"] + used["dsp"] * value["dsp_pj"])
        share = clock_hz / value["rated_hz"]
        sdram = 3.3 * share * (value["idle_a"] + memory_utilization * value["read_a"])
        sdram += value["refresh_w"]
        pins = 16 * value["pin_pf"] * 1e-12 * 3.3**2 * clock_hz * 0.25 * memory_utilization
        inner = value["static"] + dynamic + sdram + pins
        return inner / value["efficiency"] + value["rest"]

    return Watts(*(watts(n) for n in range(3)))
