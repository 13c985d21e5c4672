"""The SDRAM chip model: its Verilog, its parameters, and what its violations mean."""

import enum
from pathlib import Path

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from trine.hw.memory.sdram_pins import SDRAMPins
from trine.hw.memory.sdram_timing import SDRAMGeometry, SDRAMTiming

__all__ = ["SOURCE", "SDRAMChip", "Violation"]


#: The Verilog that :class:`SDRAMChip` instantiates.
SOURCE = Path(__file__).with_name("sdram_chip.v")


class Violation(enum.IntEnum):
    """Codes of the rules that the chip model watches, as its ``violation_code`` shows them."""

    def __new__(cls, code, text):
        member = int.__new__(cls, code)
        member._value_ = code
        member.__doc__ = text
        return member

    NONE = 0, "no rule was violated"
    INIT_WAIT = 1, "a command came before the clock was stable for the power-up time"
    INIT_ORDER = 2, "a command came before PRECHARGE ALL, the first refreshes or LOAD MODE"
    TRCD = 3, "READ or WRITE came too early after ACTIVATE of its bank (tRCD)"
    TRP = 4, "a command came too early after PRECHARGE (tRP)"
    TRAS = 5, "PRECHARGE came too early after ACTIVATE of its bank (tRAS)"
    TRC = 6, "ACTIVATE or REFRESH came too early after ACTIVATE of the bank (tRC)"
    TRFC = 7, "a command came too early after REFRESH (tRFC)"
    TRRD = 8, "ACTIVATE came too early after ACTIVATE of another bank (tRRD)"
    TWR = 9, "PRECHARGE came too early after the last data written to its bank (tWR)"
    TMRD = 10, "a command came too early after LOAD MODE (tMRD)"
    REFRESH_INTERVAL = 11, "more than the permitted number of refreshes is owed (8192 in 64 ms)"
    BANK_OPEN = 12, "ACTIVATE, REFRESH or LOAD MODE found a bank open"
    BANK_CLOSED = 13, "READ or WRITE found its bank closed"
    CONTENTION = 14, "controller and chip drove the data pins at once, or without a clock between"
    UNDRIVEN = 15, "the controller did not drive the data pins in a WRITE"
    UNWRITTEN = 16, "READ of a row that was never written"
    UNSUPPORTED = 17, "a mode, or use of a pin, that the model does not know"


class SDRAMChip(wiring.Component):
    """One chip, as an instance of ``sdram_chip.v``: converts to Verilog, for Verilator.

    The reset of the ``sync`` domain, if it has one, takes the chip back to power-up: contents are
    lost, and violations forgotten.

    Parameters
    ----------
    clock_hz : :class:`int`
        Clock of the ``sync`` domain; the rules are judged by it.
    timing : :class:`SDRAMTiming`
        Timings that the chip demands.
    geometry : :class:`SDRAMGeometry`
        Shape of the chip.
    postponed : :class:`int`
        Refreshes that may be owed.

    Members
    -------
    pins : :py:`In(SDRAMPins(geometry))`
        The controller.
    skew : :py:`In(2)`
        Phase of the chip's clock: 0 good, 1 at the edge, where read data are wrong now and then,
        2 beyond it, where they always are, and the mode is lost.
    violations : :py:`Out(32)`
        Number of rules violated so far.
    violation_code : :py:`Out(8)`
        The first of them, a :class:`Violation`.
    """

    def __init__(self, *, clock_hz, timing=None, geometry=None, postponed=8):
        self.clock_hz = clock_hz
        self.timing = timing or SDRAMTiming()
        self.geometry = geometry or SDRAMGeometry()
        self.postponed = postponed

        super().__init__({
            "pins": In(SDRAMPins(self.geometry)),
            "skew": In(2),
            "violations": Out(32),
            "violation_code": Out(8),
        })

    def elaborate(self, platform):
        m = Module()

        geometry, timing, pins = self.geometry, self.timing, self.pins
        m.submodules.chip = Instance(
            "sdram_chip",
            p_BANK_BITS=geometry.bank_bits,
            p_ROW_BITS=geometry.row_bits,
            p_COL_BITS=geometry.col_bits,
            p_ADDR_PINS=geometry.addr_pins,
            p_BEAT_BYTES=geometry.beat_bytes,
            p_CLOCK_PS=10**12 // self.clock_hz,
            p_TRCD_PS=timing.rcd,
            p_TRP_PS=timing.rp,
            p_TRAS_PS=timing.ras,
            p_TRC_PS=timing.rc,
            p_TRFC_PS=timing.rfc,
            p_TRRD_PS=timing.rrd,
            p_TWR_PS=timing.wr,
            p_TWR_CLOCKS=timing.wr_clocks,
            p_TMRD_CLOCKS=timing.mrd_clocks,
            p_TREFI_PS=timing.refi,
            p_POSTPONED=self.postponed,
            p_TINIT_PS=timing.init,
            p_INIT_REFRESHES=timing.init_refreshes,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(allow_reset_less=True),
            i_skew=self.skew,
            i_cke=pins.cke,
            i_cs_n=pins.cs_n,
            i_ras_n=pins.ras_n,
            i_cas_n=pins.cas_n,
            i_we_n=pins.we_n,
            i_ba=pins.ba,
            i_a=pins.a,
            i_dqm=pins.dqm,
            i_dq_i=pins.dq_o,
            i_dq_oe=pins.dq_oe,
            o_dq_o=pins.dq_i,
            o_violations=self.violations,
            o_violation_code=self.violation_code,
        )

        return m
