"""A stream of bytes through an incrementer, under random stalls."""

import cocotb
from amaranth import unsigned
from cocotb.triggers import ClockCycles

from cocotb_support import drain, feed, parameters, start_clock


@cocotb.test()
async def increments(dut):
    start_clock(dut)
    await ClockCycles(dut.clk, 2)
    inputs = list(range(parameters()["count"]))
    cocotb.start_soon(feed(dut, "i", unsigned(8), inputs))
    assert await drain(dut, "o", unsigned(8), len(inputs)) == [(n + 1) & 255 for n in inputs]
