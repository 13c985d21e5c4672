"""Pins and commands of SDR SDRAM."""

from amaranth import *
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Command", "SDRAMPins", "column_pins"]


class Command(enum.Enum, shape=4):
    """Levels of CS#, RAS#, CAS#, WE#, from the top."""

    DESELECT = 0b1111
    NOP = 0b0111
    BURST_TERMINATE = 0b0110
    READ = 0b0101
    WRITE = 0b0100
    ACTIVATE = 0b0011
    PRECHARGE = 0b0010
    REFRESH = 0b0001
    LOAD_MODE = 0b0000


def column_pins(col):
    """Place column address ``col`` on the address pins: A10 is not one of them, and is 0."""
    return Cat(col[:10], C(0, 1), col[10:])


class SDRAMPins(wiring.Signature):
    """Pins of the chip, from the controller's side. The clock goes beside them.

    Parameters
    ----------
    geometry : :class:`SDRAMGeometry`
        Fixes the widths.

    Members
    -------
    cke, cs_n, ras_n, cas_n, we_n : :py:`Out(1)`
        Clock enable and command.
    ba, a : :py:`Out(bank_bits)`, :py:`Out(addr_pins)`
        Bank and address.
    dqm : :py:`Out(beat_bytes)`
        Masks bytes of a write.
    dq_o, dq_oe, dq_i : :py:`Out(8 * beat_bytes)`, :py:`Out(1)`, :py:`In(8 * beat_bytes)`
        Data to the chip, its driver's enable, data from the chip.
    """

    def __init__(self, geometry):
        self._geometry = geometry
        width = 8 * geometry.beat_bytes
        super().__init__({
            "cke": Out(1),
            "cs_n": Out(1, init=1),
            "ras_n": Out(1, init=1),
            "cas_n": Out(1, init=1),
            "we_n": Out(1, init=1),
            "ba": Out(geometry.bank_bits),
            "a": Out(geometry.addr_pins),
            "dqm": Out(geometry.beat_bytes, init=(1 << geometry.beat_bytes) - 1),
            "dq_o": Out(width),
            "dq_oe": Out(1),
            "dq_i": In(width),
        })

    @property
    def geometry(self):
        """Shape of the chip."""
        return self._geometry

    def __eq__(self, other):
        return isinstance(other, SDRAMPins) and self.geometry == other.geometry

    def __repr__(self):
        return f"SDRAMPins({self.geometry!r})"
