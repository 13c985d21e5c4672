"""SDRAMController: errors here, behaviour on Verilator with the chip model (bench_sdram.py)."""

from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from bench import simulate
from cocotb_support import run_bench
from conversion import convert
from trine.hw.memory.countdown import Countdown
from trine.hw.memory.sdram import SDRAMController
from trine.hw.memory.sdram_timing import SDRAMGeometry, SDRAMTiming
from trine.hw.memory.signature import MemorySignature
from trine.sim.sdram_chip import SOURCE, SDRAMChip

BENCH = Path(__file__).with_name("bench_sdram.py")
MHZ = 1_000_000


class Board(wiring.Component):
    """A controller and its chip, with ``pads`` flip-flops on every pin between them."""

    def __init__(self, *, clock_hz, timing, geometry, pads=0):
        self.controller = SDRAMController(clock_hz=clock_hz, timing=timing, geometry=geometry,
                                          pad_latency=2 * pads)
        self.chip = SDRAMChip(clock_hz=clock_hz, timing=timing, geometry=geometry)
        self.pads = pads
        super().__init__({
            "memory": In(MemorySignature(beat_bytes=geometry.beat_bytes,
                                         addr_width=geometry.addr_width)),
            "violations": Out(32),
            "violation_code": Out(8),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.controller = controller = self.controller
        m.submodules.chip = chip = self.chip
        connect(m, flipped(self.memory), controller.memory)
        m.d.comb += [self.violations.eq(chip.violations),
                     self.violation_code.eq(chip.violation_code)]

        for name, member in controller.pins.signature.members.items():
            here, there = getattr(controller.pins, name), getattr(chip.pins, name)
            if member.flow == In:
                here, there = there, here
            for n in range(self.pads):
                pad = Signal.like(here, name=f"{name}_{n}")
                m.d.sync += pad.eq(here)
                here = pad
            m.d.comb += there.eq(here)

        return m


@pytest.mark.slow
@pytest.mark.parametrize("clock_hz, cols, pads, init, rate", [
    pytest.param(100 * MHZ, 512, 0, 200_000_000, 0.981, id="32MB_100MHz"),
    pytest.param(133_333_333, 1024, 1, 2_000_000, 0.983, id="64MB_133MHz"),
])
def test_on_verilator(clock_hz, cols, pads, init, rate):
    timing = SDRAMTiming(init=init)
    geometry = SDRAMGeometry(cols=cols)
    board = Board(clock_hz=clock_hz, timing=timing, geometry=geometry, pads=pads)
    cycles = board.controller.cycles
    setup = {
        "addr_width": geometry.addr_width, "cols": cols, "init": cycles.init, "refi": cycles.refi,
        "latency": board.controller.latency,
        "refresh_cost": cycles.rp + cycles.rfc + cycles.rcd,
        "plays": -(-20_500 // (9 * cols)), "rate": rate,
    }
    run_bench(BENCH, board, top="board", sources={SOURCE.name: SOURCE.read_text()}, values=setup)


def test_converts():
    convert(SDRAMController(clock_hz=100 * MHZ))


@pytest.mark.parametrize("clock_hz, expected", [
    # rcd, rp, ras, rc, rfc, rrd, wr, mrd, refi, latency
    (100 * MHZ, (3, 3, 5, 7, 7, 2, 2, 2, 781, 13)),
    (133_333_333, (3, 3, 6, 9, 10, 2, 2, 2, 1041, 13)),
    (166 * MHZ, (4, 4, 8, 11, 12, 3, 3, 2, 1296, 14)),
    (25 * MHZ, (1, 1, 2, 2, 2, 1, 2, 2, 195, 12)),
])
def test_timings_in_clocks(clock_hz, expected):
    dut = SDRAMController(clock_hz=clock_hz)
    c = dut.cycles
    assert (c.rcd, c.rp, c.ras, c.rc, c.rfc, c.rrd, c.wr, c.mrd, c.refi, dut.latency) == expected
    assert c.init * 10**12 >= dut.timing.init * clock_hz
    assert c.refi * 10**12 <= dut.timing.refi * clock_hz


def test_geometry():
    small, large = SDRAMGeometry(), SDRAMGeometry(cols=1024)
    assert (small.size, small.addr_width, small.addr_pins) == (32 << 20, 24, 13)
    assert (large.size, large.addr_width, large.addr_pins) == (64 << 20, 25, 13)
    # Columns leave out A10.
    assert SDRAMGeometry(rows=2048, cols=2048).addr_pins == 12
    for name, value, least in (("banks", 3, 2), ("rows", 1, 2), ("cols", 8, 16),
                               ("beat_bytes", 0, 1)):
        with pytest.raises(ValueError, match=f"SDRAM geometry's {name} must be a power of two, "
                                             f"{least} or more, not {value}"):
            SDRAMGeometry(**{name: value})


def test_rejects_bad_timings():
    with pytest.raises(ValueError, match="SDRAM timing's rcd must be a whole number, 0 or more, "
                                         "not -1"):
        SDRAMTiming(rcd=-1)
    with pytest.raises(ValueError, match="CAS latency must be 2 or 3, not 1"):
        SDRAMTiming(cas=1)
    with pytest.raises(ValueError, match="SDRAM clock must be positive, not 0"):
        SDRAMController(clock_hz=0)
    with pytest.raises(ValueError, match="Pad latency must be 0 or more, not -1"):
        SDRAMController(clock_hz=MHZ, pad_latency=-1)
    with pytest.raises(ValueError, match="tRAS of 20 clocks at 100000000 Hz is longer than tRCD "
                                         r"and a burst \(3 \+ 8\); use a slower clock"):
        SDRAMController(clock_hz=100 * MHZ, timing=SDRAMTiming(ras=200_000))
    with pytest.raises(ValueError, match="tRC of 30 clocks at 100000000 Hz is longer than tRCD, a "
                                         r"burst and tRP \(3 \+ 8 \+ 3\); use a slower clock"):
        SDRAMController(clock_hz=100 * MHZ, timing=SDRAMTiming(rc=300_000))
    with pytest.raises(ValueError, match="Refresh interval of 7 clocks at 1000000 Hz leaves no "
                                         "time for data; use a faster clock"):
        SDRAMController(clock_hz=MHZ)


def test_countdown():
    """Done exactly so many clocks after its start, and refuses to wait longer than it can."""
    m = Module()
    start = Signal(range(6))
    countdown = Countdown(m, longest=5, name="wait")
    for clocks in range(1, 6):
        with m.If(start == clocks):
            m.d.sync += countdown.start(clocks)

    async def testbench(ctx):
        for clocks in (1, 2, 3, 5, 4):
            ctx.set(start, clocks)
            await ctx.tick()
            ctx.set(start, 0)
            for n in range(1, 8):
                assert ctx.get(countdown.done) == (n >= clocks), (clocks, n)
                await ctx.tick()

    simulate(m, testbench)
    with pytest.raises(ValueError, match="Countdown of at most 5 clocks cannot wait 6"):
        countdown.start(6)
