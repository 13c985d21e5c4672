"""Names of a flattened netlist, told as components and signals."""

import pytest
from amaranth import *
from amaranth.back import rtlil
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from trine.hw.flow.hierarchy import Hierarchy


class Count(wiring.Component):
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.payload.eq(self.o.payload + 1)
        m.d.comb += self.o.valid.eq(1)
        return m


class Unit(wiring.Component):
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.submodules.count = count = Count()
        connect(m, count=count.o, o=wiring.flipped(self.o))
        return m


class Sink(wiring.Component):
    i: In(stream.Signature(8))
    led: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.led.eq(self.i.payload[0] & self.i.valid)
        m.d.comb += self.i.ready.eq(1)
        return m


class Design(Elaboratable):
    def __init__(self):
        self.led = Signal()
        # Its name is taken by the submodule.
        self.unit = Signal(name="unit")

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = Unit()
        m.submodules.sink = sink = Sink()
        connect(m, unit=unit.o, sink=sink.i)
        m.d.comb += [self.led.eq(sink.led), self.unit.eq(unit.o.valid)]
        return m


@pytest.fixture(scope="module")
def hierarchy():
    design = Design()
    return Hierarchy(rtlil.convert(design, ports=[design.led, design.unit], name="top"))


@pytest.mark.parametrize(("name", "component", "signal"), [
    ("sink.led_TRELLIS_FF_Q_DI_LUT4_Z", "sink", "led"),
    ("sink.led_TRELLIS_FF_Q", "sink", "led"),
    ("unit$11.count.o__payload[3]", "unit.count", "o__payload[3]"),
    # What connects components belongs to the one that drives it.
    ("o__payload_TRELLIS_FF_Q_7", "unit.count", "o__payload"),
    ("unit$11.o__payload_TRELLIS_FF_Q_DI_CCU2C_S0", "unit.count", "o__payload"),
    # Numbers that make names different are left out, and what nextpnr adds.
    ("sink.led$5_LUT4_Z$CCU2_COMB0", "sink", "led"),
    ("sink.rows.0.8$DPRAM_COMB1", "sink", "rows"),
    ("sink.queue.0.3_DO_2", "sink", "queue"),
    ("sink.$signal$7_LUT4_C", "sink", ""),
    ("$nextpnr_CCU2C_12$CCU2_COMB1", "", ""),
    ("$PACKER_VCC", "", ""),
    ("elsewhere.x", "", "elsewhere.x"),
])
def test_resolve(hierarchy, name, component, signal):
    assert hierarchy.resolve(name) == (component, signal)


@pytest.mark.parametrize(("net", "domain"), [
    ("$glbnet$clk", "sync"), ("sdram_clk", "sdram"), ("clk25_0__io", "clk25_0")])
def test_domain(hierarchy, net, domain):
    assert hierarchy.domain(net) == domain


def test_domain_of_a_clock_that_a_component_drives():
    text = ("module \\top\n  wire width 1 \\clk$5\n  cell \\top.pll \\pll\n"
            "    connect \\o \\clk$5 [0]\n  end\nend\n"
            "module \\top.pll\n  wire width 1 output 0 \\o\nend\n")

    assert Hierarchy(text).domain("$glbnet$pll.o") == "sync"
