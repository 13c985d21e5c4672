"""Timing and geometry of SDR SDRAM chips.

Ref: Micron MT48LC16M16A2, ISSI IS42S16160G, Alliance AS4C32M16SB, Winbond W9825G6JH data sheets,
the strictest value of each.
"""

from dataclasses import dataclass

__all__ = ["SDRAMCycles", "SDRAMGeometry", "SDRAMTiming"]


@dataclass(frozen=True, kw_only=True)
class SDRAMGeometry:
    """Shape of the chip: banks x rows x columns of ``beat_bytes``.

    The default is the 32 MB chip of an ULX3S; the 64 MB one has 1024 columns.

    Raises
    ------
    ValueError
        If a size is not a power of two, or is beyond what address pins can carry.
    """

    banks: int = 4
    rows: int = 8192
    cols: int = 512
    beat_bytes: int = 2

    def __post_init__(self):
        for name, least in (("banks", 2), ("rows", 2), ("cols", 16), ("beat_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least or value & (value - 1):
                raise ValueError(f"SDRAM geometry's {name} must be a power of two, {least} or "
                                 f"more, not {value!r}")

    @property
    def bank_bits(self):
        """Bits of a bank address, and bank address pins."""
        return (self.banks - 1).bit_length()

    @property
    def row_bits(self):
        """Bits of a row address."""
        return (self.rows - 1).bit_length()

    @property
    def col_bits(self):
        """Bits of a column address."""
        return (self.cols - 1).bit_length()

    @property
    def addr_pins(self):
        """Address pins: a row, or a column that leaves out A10."""
        return max(self.row_bits, self.col_bits + (self.col_bits > 10), 11)

    @property
    def addr_width(self):
        """Bits of a beat address: row, bank, column from the top."""
        return self.row_bits + self.bank_bits + self.col_bits

    @property
    def size(self):
        """Bytes of the chip."""
        return self.banks * self.rows * self.cols * self.beat_bytes


@dataclass(frozen=True, kw_only=True)
class SDRAMCycles:
    """Timings in clocks, as the controller counts them."""

    rcd: int
    rp: int
    ras: int
    rc: int
    rfc: int
    rrd: int
    wr: int
    mrd: int
    refi: int
    cas: int
    init: int


@dataclass(frozen=True, kw_only=True)
class SDRAMTiming:
    """Timings of the chip in picoseconds, where not said otherwise.

    The defaults are safe for every chip found on an ULX3S; against the fastest they cost 0.3 % of
    the bandwidth.

    Parameters
    ----------
    rcd, rp, ras, rc, rfc, rrd : int
        ACTIVATE to READ/WRITE; PRECHARGE to ACTIVATE; ACTIVATE to PRECHARGE; ACTIVATE to ACTIVATE
        of a bank; REFRESH to the next command; ACTIVATE to ACTIVATE of another bank.
    wr, wr_clocks : int
        Last data written to PRECHARGE: as a time and as clocks, both hold.
    mrd_clocks : int
        LOAD MODE to the next command, clocks.
    refi : int
        Mean interval of REFRESH: 64 ms for 8192 rows.
    cas : int
        CAS latency, clocks, 2 or 3.
    init : int
        Wait with a stable clock before the first command.
    init_refreshes : int
        REFRESH commands before LOAD MODE.

    Raises
    ------
    ValueError
        If a value is negative, or the CAS latency is neither 2 nor 3.
    """

    rcd: int = 21_000
    rp: int = 21_000
    ras: int = 44_000
    rc: int = 66_000
    rfc: int = 70_000
    rrd: int = 15_000
    wr: int = 15_000
    wr_clocks: int = 2
    mrd_clocks: int = 2
    refi: int = 7_812_500
    cas: int = 3
    init: int = 200_000_000
    init_refreshes: int = 8

    def __post_init__(self):
        for name, value in vars(self).items():
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"SDRAM timing's {name} must be a whole number, 0 or more, "
                                 f"not {value!r}")
        if self.cas not in (2, 3):
            raise ValueError(f"CAS latency must be 2 or 3, not {self.cas!r}")

    def cycles(self, clock_hz):
        """Convert to clocks of ``clock_hz``: waits are rounded up, the refresh interval down."""
        def wait(time):
            return max(1, -(-time * clock_hz // 10**12))

        return SDRAMCycles(
            rcd=wait(self.rcd), rp=wait(self.rp), ras=wait(self.ras), rc=wait(self.rc),
            rfc=wait(self.rfc), rrd=wait(self.rrd), wr=max(wait(self.wr), self.wr_clocks),
            mrd=max(1, self.mrd_clocks), refi=self.refi * clock_hz // 10**12, cas=self.cas,
            init=wait(self.init))
