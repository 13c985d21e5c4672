"""What a board's file tells: pins by way of amaranth-boards, clocks, memory, LEDs, USB."""

import importlib
from dataclasses import dataclass, field

from ..memory.sdram_timing import SDRAMGeometry
from .sdram_pads import default_degrees

__all__ = ["Board"]

#: LUT4 (placed TRELLIS_COMB), flip-flops, block RAMs, multipliers and PLLs of ECP5 devices, as
#: nextpnr-ecp5 counts them; the 12F is the 25F's die.
_DEVICES = {
    "LFE5U-12F": {"lut4": 24288, "ff": 24288, "bram": 56, "dsp": 28},
    "LFE5U-25F": {"lut4": 24288, "ff": 24288, "bram": 56, "dsp": 28},
    "LFE5U-45F": {"lut4": 43848, "ff": 43848, "bram": 108, "dsp": 72},
    "LFE5U-85F": {"lut4": 83640, "ff": 83640, "bram": 208, "dsp": 156},
}


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board with an ECP5 and SDR SDRAM.

    Parameters
    ----------
    name, title : str
        What commands call it, and what people do.
    platform_class : str
        Where its pins are: ``module:class`` of amaranth-boards.
    device : str
        The FPGA, as amaranth-boards calls it.
    leds : dict
        Pin of the LED for names of :data:`.status_leds.LEDS`: (resource, number, subsignal or
        None). Names may share one.
    reset : tuple or None
        The reset button: (resource, number).
    quiet : tuple of tuple
        Outputs held low, (resource, number, subsignal or None), so that nothing else on the board
        interferes.
    clock_hz, fast_clock_hz : int
        The clock of a build that names none, and the one of ``--clock fast``.
    geometry : SDRAMGeometry
        Shape of the SDRAM chip.
    baud : int
        Speed of the serial port.
    usb : tuple
        (vendor, product) ids of the serial port's bridge.
    usb_text : str
        What its USB description contains, in lower case, to tell it from others with these ids.
    loader : tuple of str
        How openFPGALoader is told the board or its cable.
    """

    name: str
    title: str
    platform_class: str
    device: str
    leds: dict
    reset: tuple | None = None
    quiet: tuple = ()
    clock_hz: int = 100_000_000
    fast_clock_hz: int = 133_333_333
    geometry: SDRAMGeometry = field(default_factory=SDRAMGeometry)
    baud: int = 3_000_000
    usb: tuple = (0x0403, 0x6015)
    usb_text: str = ""
    loader: tuple

    def platform(self):
        """Return a new Amaranth platform of the board.

        Raises
        ------
        ModuleNotFoundError
            Where amaranth-boards is not installed.
        """
        module, name = self.platform_class.split(":")
        return getattr(importlib.import_module(module), name)()

    @property
    def input_hz(self):
        """Frequency of the board's own clock in Hz."""
        return round(self.platform().default_clk_frequency)

    @property
    def resources(self):
        """What the device has: dict of lut4, ff, bram, dsp."""
        return _DEVICES[self.device]

    @staticmethod
    def degrees(clock_hz):
        """Return the phase of the SDRAM's clock that a build uses unless told otherwise."""
        return default_degrees(clock_hz)
