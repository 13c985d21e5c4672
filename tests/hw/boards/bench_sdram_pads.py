"""The SDRAM behind real delays, at every phase of its clock. Run by test_sdram_pads.py."""

import cocotb
from cocotb.triggers import RisingEdge, Timer, with_timeout

from cocotb_support import parameters, start_clock

SETUP = parameters()
#: Nanoseconds of a step of time.
STEP = 0.1


async def works(dut, phase):
    """Write and read back at a phase, in steps; return whether all was right."""
    period = SETUP["period"]
    dut.phase.value = phase
    dut.restart.value = 1
    await Timer(30 * period * STEP, "ns", round_mode="round")
    dut.restart.value = 0
    await with_timeout(RisingEdge(dut.finished), round(10_000 * period * STEP), "ns")
    return dut.errors.value == 0 and dut.violations.value == 0


@cocotb.test()
async def phases_work_within_the_window_only(dut):
    period = SETUP["period"]
    start_clock(dut, period=STEP)
    passed = [phase for phase in range(0, period, 2) if await works(dut, phase)]

    first, last = passed[0], passed[-1]
    cocotb.log.info("works from %.1f to %.1f ns, %d to %d degrees", first * STEP, last * STEP,
                    round(360 * first / period), round(360 * last / period))
    # One piece, whose ends are known: beyond them something fails.
    assert passed == list(range(first, last + 1, 2))
    assert abs(first - SETUP["window"][0]) <= 2
    assert abs(last - SETUP["window"][1]) <= 2
