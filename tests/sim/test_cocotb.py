"""The way from a pytest test to a cocotb bench on Verilator, with a small component."""

from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from cocotb_support import run_bench

BENCH = Path(__file__).with_name("bench_increment.py")


class Increment(wiring.Component):
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, step=1):
        self.step = step
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(self.o.ready | ~self.o.valid)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
            m.d.sync += self.o.payload.eq(self.i.payload + self.step)
        return m


def test_bench_passes():
    run_bench(BENCH, Increment(), top="increment", values={"count": 200})


def test_failing_bench_fails_with_its_log():
    with pytest.raises(AssertionError, match=r"bench_increment.py failed:\n(.*\n)*.*assert"):
        run_bench(BENCH, Increment(step=2), top="increment", values={"count": 200})
