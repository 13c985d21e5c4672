"""The rules of the SDRAM chip model: each one broken, on Verilator (bench_sdram_rules.py)."""

import dataclasses
from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from cocotb_support import run_bench
from trine.hw.memory.sdram import SDRAMController
from trine.hw.memory.sdram_pins import SDRAMPins
from trine.hw.memory.sdram_timing import SDRAMGeometry, SDRAMTiming
from trine.sim.sdram_chip import SOURCE, SDRAMChip, Violation

BENCH = Path(__file__).with_name("bench_sdram_rules.py")
CLOCK_HZ = 100_000_000
GEOMETRY = SDRAMGeometry(rows=16, cols=64)
#: As in bench_sdram_rules.py; tRC is made long enough to matter.
TIMING = SDRAMTiming(init=1_000_000, rc=90_000)

#: What a chip demands beyond what the controller believes, and the rule that this breaks.
SUSPECTS = {
    "none": ({}, "NONE"),
    "rcd": ({"rcd": 31_000}, "TRCD"),
    "rp": ({"rp": 31_000}, "TRP"),
    "ras": ({"ras": 210_000}, "TRAS"),
    "rc": ({"rc": 320_000}, "TRC"),
    "rfc": ({"rfc": 71_000}, "TRFC"),
    "rrd": ({"rrd": 90_000}, "TRRD"),
    "wr": ({"wr": 21_000}, "TWR"),
    "wr_clocks": ({"wr_clocks": 3}, "TWR"),
    "mrd": ({"mrd_clocks": 8}, "TMRD"),
    "refi": ({"refi": 7_000_000}, "REFRESH_INTERVAL"),
    "init": ({"init": 1_100_000}, "INIT_WAIT"),
    "init_refreshes": ({"init_refreshes": 9}, "INIT_ORDER"),
}


class Rack(wiring.Component):
    """One chip by itself, and a controller under random load that drives many at once.

    Those chips demand more than the controller believes; the first gives the data.
    """

    def __init__(self):
        super().__init__({
            "pins": In(SDRAMPins(GEOMETRY)),
            "power_up": In(1),
            "violations": Out(32),
            "violation_code": Out(8),
            "suspects": Out(8).array(len(SUSPECTS)),
            "beats": Out(16),
        })

    def elaborate(self, platform):
        m = Module()

        m.domains.chip = ClockDomain()
        m.d.comb += [ClockSignal("chip").eq(ClockSignal()), ResetSignal("chip").eq(self.power_up)]
        chip = SDRAMChip(clock_hz=CLOCK_HZ, timing=TIMING, geometry=GEOMETRY)
        m.submodules.chip = DomainRenamer("chip")(chip)
        connect(m, flipped(self.pins), chip.pins)
        m.d.comb += [self.violations.eq(chip.violations),
                     self.violation_code.eq(chip.violation_code)]

        m.submodules.controller = controller = SDRAMController(
            clock_hz=CLOCK_HZ, timing=TIMING, geometry=GEOMETRY)
        for n, (demands, _) in enumerate(SUSPECTS.values()):
            m.submodules[f"suspect_{n}"] = suspect = SDRAMChip(
                clock_hz=CLOCK_HZ, timing=dataclasses.replace(TIMING, **demands),
                geometry=GEOMETRY, postponed=1)
            m.d.comb += self.suspects[n].eq(suspect.violation_code)
            for name, member in controller.pins.signature.members.items():
                if member.flow == Out:
                    m.d.comb += getattr(suspect.pins, name).eq(getattr(controller.pins, name))
                elif n == 0:
                    m.d.comb += getattr(controller.pins, name).eq(getattr(suspect.pins, name))

        # First the whole chip is written, then tape and bursts jump about in it.
        memory = controller.memory
        size = 1 << GEOMETRY.addr_width
        number = Signal(16)
        filled = number >= size // 64
        pick = Signal(16, init=1)
        m.d.sync += pick.eq(Cat(pick[1:], pick[0] ^ pick[2] ^ pick[3] ^ pick[5]))
        with m.If(memory.burst.valid & memory.burst.ready):
            m.d.sync += number.eq(number + 1)
        m.d.comb += [
            memory.burst.valid.eq(1),
            memory.burst.p.addr.eq(Mux(filled, Cat(C(0, 3), pick), number << 6)),
            memory.burst.p.beats.eq(Mux(filled, 16, 64)),
            memory.burst.p.write.eq(~filled | pick[-1]),
            memory.wdata.valid.eq(1),
            memory.wdata.payload.eq(pick),
            memory.rdata.ready.eq(1),
            memory.tape.valid.eq(filled),
            memory.tape.p.addr.eq(Cat(C(0, 3), pick)),
            memory.tape.p.beats.eq(24),
            memory.data.ready.eq(1),
        ]
        m.d.sync += self.beats.eq(self.beats + memory.rdata.valid)

        return m


@pytest.mark.slow
def test_on_verilator():
    run_bench(BENCH, Rack(), top="rack", sources={SOURCE.name: SOURCE.read_text()},
              values={"suspects": {name: rule for name, (_, rule) in SUSPECTS.items()}})


def test_python_and_verilog_know_the_same_rules():
    text = SOURCE.read_text()
    names = text[text.index("localparam INIT_WAIT"):]
    names = dict(pair.split(" = ") for pair in
                 names[len("localparam "):names.index(";")].replace("\n", " ").split(", "))
    names = {name.strip(): int(code) for name, code in names.items()}
    assert names == {rule.name: rule.value for rule in Violation if rule}
    assert all(rule.__doc__ for rule in Violation)
