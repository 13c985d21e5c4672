"""SDRAM pads, with controller and chip model, behind the delays of pads, board and chip.

For each phase of the chip's clock (bench_sdram_pads.py): which ones work, and that others do not.
The delays of the ECP5 are assumptions, to be replaced by measurement on a board; the chip's come
from data sheets.
"""

from pathlib import Path
from types import SimpleNamespace

import pytest
from amaranth import *
from amaranth.hdl import Fragment
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out, connect

from cocotb_support import run_bench
from trine.hw.boards.sdram_pads import SDRAMPads, default_degrees, phase_window
from trine.hw.memory.sdram import SDRAMController
from trine.hw.memory.sdram_timing import SDRAMGeometry, SDRAMTiming
from trine.hw.memory.signature import BURST_BEATS_WIDTH
from trine.sim.sdram_chip import SOURCE, SDRAMChip

FOLDER = Path(__file__).parent
MHZ = 1_000_000
#: Nanoseconds of a step of time.
STEP = 0.1
#: Beats written and read back.
BEATS = 256
GEOMETRY = SDRAMGeometry(rows=256, cols=64)
#: Delays in steps, the ECP5's assumed: from clock to pin, of the chip's clock and of the others.
SLOW = {"CLOCK_DELAY": 36, "EARLIEST": 33, "LATEST": 39}
FAST = {"CLOCK_DELAY": 22, "EARLIEST": 20, "LATEST": 24}


class Registers(Elaboratable):
    """Elaborates pads for the simulator: their registers, and a clock's two halves."""

    def __init__(self, pads):
        self.pads = pads

    def elaborate(self, platform):
        return Fragment.get(self.pads, self)

    def get_io_buffer(self, buffer):
        """Stand in for a platform's way to make a buffer."""
        if not isinstance(buffer, io.DDRBuffer):
            return buffer.elaborate(None)
        m = Module()
        m.d.comb += buffer.port.o.eq(
            Mux(ClockSignal(buffer.o_domain), buffer.o[0], buffer.o[1]))
        return m


class PadsBoard(wiring.Component):
    """Writes and reads back through controller, pads, delays and chip, in steps of time.

    Members
    -------
    phase : :py:`In(8)`
        Steps by which the chip's clock leaves later than the others' registers are clocked.
    restart : :py:`In(1)`
        Begin again, chip and all.
    finished, errors
        Everything was read back; so many beats were wrong.
    violations, violation_code
        As of the chip.
    """

    phase: In(8)
    restart: In(1)
    finished: Out(1)
    errors: Out(16)
    violations: Out(32)
    violation_code: Out(8)

    def __init__(self, *, clock_hz, delays):
        self.period = round(1e9 / clock_hz / STEP)
        self.delays = delays
        timing = SDRAMTiming(init=2_000_000)
        self.controller = SDRAMController(clock_hz=clock_hz, timing=timing, geometry=GEOMETRY,
                                          pad_latency=SDRAMPads.latency)
        self.chip = SDRAMChip(clock_hz=clock_hz, timing=timing, geometry=GEOMETRY)
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        # The clocks, made from steps; `sync` outside is the step.
        m.domains.core = core = ClockDomain(local=True)
        m.domains.sdram = sdram = ClockDomain(local=True, reset_less=True)
        m.domains.chip = chip_domain = ClockDomain(local=True)
        count = Signal(range(self.period))
        shifted = Signal(range(self.period))
        m.d.sync += count.eq(Mux(count == self.period - 1, 0, count + 1))
        m.d.comb += shifted.eq(Mux(count >= self.phase, count - self.phase,
                                   count + self.period - self.phase))
        m.d.sync += [core.clk.eq(count < self.period // 2),
                     sdram.clk.eq(shifted < self.period // 2)]
        m.d.comb += [core.rst.eq(self.restart), chip_domain.rst.eq(self.restart)]

        m.submodules.controller = DomainRenamer("core")(self.controller)
        m.submodules.chip = DomainRenamer("chip")(self.chip)
        memory = self.controller.memory

        pins = self.controller.pins
        port = SimpleNamespace(
            clk=io.SimulationPort("o", 1), dq=io.SimulationPort("io", len(pins.dq_o)),
            clk_en=io.SimulationPort("o", 1),
            **{name: io.SimulationPort("o", 1, invert=True) for name in ("cs", "ras", "cas", "we")},
            **{name: io.SimulationPort("o", len(getattr(pins, name)))
               for name in ("ba", "a", "dqm")})
        pads = SDRAMPads(port, geometry=GEOMETRY)
        m.submodules.pads = DomainRenamer("core")(Registers(pads))
        connect(m, controller=pins, pads=pads.pins)

        driven = Cat(port.clk_en.o, port.cs.o, port.ras.o, port.cas.o, port.we.o, port.ba.o,
                     port.a.o, port.dqm.o, port.dq.o, port.dq.oe[0])
        there = self.chip.pins
        arrived = Cat(there.cke, there.cs_n, there.ras_n, there.cas_n, there.we_n, there.ba,
                      there.a, there.dqm, there.dq_o, there.dq_oe)
        m.submodules.delays = Instance(
            "pad_delays", p_OUTPUTS=len(driven), p_WIDTH=len(pins.dq_o),
            **{f"p_{name}": value for name, value in self.delays.items()},
            i_step=ClockSignal(), i_clock_pin=port.clk.o, i_pins=driven,
            i_chip_data=there.dq_i, o_chip_clock=chip_domain.clk, o_chip_pins=arrived,
            o_data=port.dq.i)
        m.d.comb += [self.violations.eq(self.chip.violations),
                     self.violation_code.eq(self.chip.violation_code)]

        # Beats that all differ in half of their bits or more from the one before.
        beat = Signal(range(BEATS + 1))
        word = Signal(16)
        writes = Signal()
        m.d.comb += [
            word.eq(Cat(beat * 0x2b1, 0)[:16] ^ beat[0].replicate(16)),
            memory.wdata.payload.eq(word),
            Value.cast(memory.burst.payload).eq(
                Cat(C(0, GEOMETRY.addr_width), C(BEATS, BURST_BEATS_WIDTH), writes)),
        ]
        with m.FSM(domain="core"):
            with m.State("Command-Write"):
                m.d.comb += [memory.burst.valid.eq(1), writes.eq(1)]
                with m.If(memory.burst.ready):
                    m.next = "Write"
            with m.State("Write"):
                m.d.comb += memory.wdata.valid.eq(beat != BEATS)
                m.d.core += beat.eq(beat + (memory.wdata.valid & memory.wdata.ready))
                with m.If(memory.done):
                    m.d.core += beat.eq(0)
                    m.next = "Command-Read"
            with m.State("Command-Read"):
                m.d.comb += memory.burst.valid.eq(1)
                with m.If(memory.burst.ready):
                    m.next = "Read"
            with m.State("Read"):
                m.d.comb += memory.rdata.ready.eq(1)
                with m.If(memory.rdata.valid):
                    m.d.core += beat.eq(beat + 1)
                    m.d.core += self.errors.eq(self.errors + (memory.rdata.payload != word))
                with m.If(beat == BEATS):
                    m.next = "Finished"
            with m.State("Finished"):
                m.d.comb += self.finished.eq(1)

        return m


#: Where the phase works, in steps: measured, within 0.2 ns.
WINDOWS = {
    (100 * MHZ, "slow"): (48, 88), (100 * MHZ, "fast"): (62, 88),
    (133_333_333, "slow"): (24, 52), (133_333_333, "fast"): (38, 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("clock_hz, corner", WINDOWS)
def test_phases(clock_hz, corner):
    board = PadsBoard(clock_hz=clock_hz, delays={"slow": SLOW, "fast": FAST}[corner])
    run_bench(
        FOLDER / "bench_sdram_pads.py", board, top="board",
        sources={"pad_delays.v": (FOLDER / "pad_delays.v").read_text(),
                 SOURCE.name: SOURCE.read_text()},
        values={"period": board.period, "window": WINDOWS[clock_hz, corner]})


@pytest.mark.parametrize("clock_hz", [100 * MHZ, 133_333_333])
def test_default_lies_within_the_window(clock_hz):
    """Where both corners agree; pins that differ by 0.3 ns are left out in the computation."""
    steps = 1e9 / clock_hz / STEP / 360
    first = max(WINDOWS[clock_hz, corner][0] for corner in ("slow", "fast"))
    last = min(WINDOWS[clock_hz, corner][1] for corner in ("slow", "fast"))

    assert first + 3 <= default_degrees(clock_hz) * steps <= last - 3
    computed = [degrees * steps for degrees in phase_window(clock_hz)]
    assert computed == [pytest.approx(first, abs=5), pytest.approx(last, abs=5)]
