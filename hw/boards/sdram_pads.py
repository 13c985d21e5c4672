"""SDRAM pads: every pin behind a register in its pad, and the clock that the chip gets."""

from amaranth import *
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In

from ..memory.sdram_pins import SDRAMPins

__all__ = ["SDRAMPads", "default_degrees"]

# When data can be exchanged, in ns behind the edge of our clock, by the arrangement of registers
# below, for the slowest and the fastest chip and FPGA. The chip's set-up 1.5 and hold 0.8; it gives
# data from 5.4 after an edge until 2.5 after the next one (SDRAM data sheets). Clock to pin of an
# ECP5 -6 from 2.2 to 3.6, from pin to register 0.7 set-up and 0.8 hold: assumed.
_WRITE_FROM, _WRITE_UNTIL = 1.5, 0.8
_READ_FROM, _READ_UNTIL = 5.4 + 3.6 + 0.7, 2.5 + 2.2 - 0.8


def phase_window(clock_hz):
    """Return the first and last phase, in degrees, at which data should pass both ways."""
    period = 1e9 / clock_hz
    # Read data are taken two edges after the one that sent the command to the pins.
    first = max(_WRITE_FROM, period - _READ_UNTIL)
    last = min(period - _WRITE_UNTIL, 2 * period - _READ_FROM)
    return 360 * first / period, 360 * last / period


def default_degrees(clock_hz):
    """Return the phase to begin with, in degrees: a third into the window.

    What others found to work on boards lies earlier rather than later: 45 to 330 degrees, 90 to
    270, and 180, at 100 MHz. `trine selftest --phase-sweep` finds a board's own window.
    """
    first, last = phase_window(clock_hz)
    return first + (last - first) / 3


class SDRAMPads(wiring.Component):
    """Registers in the pads; a pin changes one clock later, and what comes in is one clock late.

    So ``pad_latency`` of the controller is 2. The clock leaves through a double-rate register of
    the domain ``sdram``, as the others leave through theirs of ``sync``: the two match.

    Parameters
    ----------
    port
        The SDRAM as the platform gives it (:class:`amaranth_boards.resources.SDRAMResource`),
        requested with ``dir="-"``.
    geometry : :class:`SDRAMGeometry`
        Shape of the chip.

    Members
    -------
    pins : :py:`In(SDRAMPins(geometry))`
        The controller.
    """

    #: Clocks that the pads add between a command and its data.
    latency = 2

    def __init__(self, port, *, geometry):
        self._port = port
        super().__init__({"pins": In(SDRAMPins(geometry))})

    def elaborate(self, platform):
        m = Module()

        # Where a chip's CKE, CS# or DQM is wired to a level, the board has no such pin.
        outputs = {"clk_en": self.pins.cke, "cs": ~self.pins.cs_n, "ras": ~self.pins.ras_n,
                   "cas": ~self.pins.cas_n, "we": ~self.pins.we_n, "ba": self.pins.ba,
                   "a": self.pins.a, "dqm": self.pins.dqm}
        for name, level in outputs.items():
            if hasattr(self._port, name):
                m.submodules[name] = pad = io.FFBuffer("o", getattr(self._port, name))
                m.d.comb += pad.o.eq(level)

        m.submodules.dq = dq = io.FFBuffer("io", self._port.dq)
        m.d.comb += [dq.o.eq(self.pins.dq_o), dq.oe.eq(self.pins.dq_oe), self.pins.dq_i.eq(dq.i)]

        m.submodules.clk = clk = io.DDRBuffer("o", self._port.clk, o_domain="sdram")
        m.d.comb += [clk.o[0].eq(1), clk.o[1].eq(0)]

        return m
