"""Netlists of many cells against the same in Amaranth, random inputs. Run by test_netlist.py."""

from random import Random

import cocotb
from cocotb.triggers import FallingEdge

from cocotb_support import parameters, start_clock


@cocotb.test()
async def equal_in_every_clock(dut):
    rng = Random(1)
    start_clock(dut)
    wrong, first = {}, 0
    for clock in range(6000):
        # Addresses meet often, and stay in a few rows for a while, so that rows are rewritten.
        span = rng.choice((1 << 14, 1 << 14, 64, 4))
        if clock % 50 == 0:
            first = rng.randrange(1 << 14)
        w_addr = (first + rng.randrange(span)) % (1 << 14)
        r_addr = rng.choice((w_addr, (first + rng.randrange(span)) % (1 << 14)))
        dut.w_addr.value, dut.r_addr.value = w_addr, r_addr
        dut.w_data.value = rng.choice((rng.getrandbits(40), 0, (1 << 40) - 1, 0x8000020000))
        dut.w_en.value = rng.choice((0, 0x1f, rng.getrandbits(5)))
        dut.r_en.value = rng.random() < 0.8
        await FallingEdge(dut.clk)
        differs = int(dut.differs.value)
        for n in range(differs.bit_length()):
            if differs >> n & 1:
                wrong.setdefault(divmod(n, parameters()["outputs"]), clock)
    assert not wrong, f"outputs differ (netlist, output, first clock): {wrong}"
