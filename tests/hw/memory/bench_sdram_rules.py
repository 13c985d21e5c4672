"""The SDRAM chip model notices every broken rule, and only those. Run by test_sdram_rules.py."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from cocotb_support import parameters, start_clock
from trine.hw.memory.sdram_pins import Command
from trine.sim.sdram_chip import Violation

#: Chips that demand more than their controller believes, in order, and the rule that breaks.
SUSPECTS = parameters()["suspects"]

# Timings in clocks of the chip that plays the scripts, see test_sdram_rules.py.
INIT, RP, RCD, RAS, RC, RFC, RRD, WR, MRD = 100, 3, 3, 5, 9, 7, 2, 2, 2

NOP = (Command.NOP, 0, 0)
READ, WRITE = Command.READ, Command.WRITE
ALL = 1 << 10
MODE = 0x33


def wait(clocks):
    return [NOP] * clocks


def then(clocks, command, ba=0, a=0, **pins):
    """Give ``command``, ``clocks`` after the one before."""
    return [*wait(clocks - 1), (command, ba, a, pins)]


def act(clocks, ba=0, row=0):
    return then(clocks, Command.ACTIVATE, ba, row)


def pre(clocks, ba=0, a=0):
    return then(clocks, Command.PRECHARGE, ba, a)


def ref(clocks):
    return then(clocks, Command.REFRESH)


def mode(clocks, value=MODE):
    return then(clocks, Command.LOAD_MODE, 0, value)


def read(clocks, ba=0, col=0, **pins):
    return then(clocks, READ, ba, col, **pins)


def write(clocks, ba=0, col=0):
    """Give a WRITE and drive its 8 beats."""
    return [*then(clocks, WRITE, ba, col, dq_oe=1, dq_o=0x100 + col),
            *((*NOP, {"dq_oe": 1, "dq_o": 0x100 + col + n}) for n in range(1, 8))]


#: As fast as permitted.
START = pre(INIT, a=ALL) + ref(RP) + 7 * ref(RFC) + mode(RFC)
#: Rows 0 of banks 0 and 1 open and written, bank 0 ready for PRECHARGE.
READY = START + act(MRD) + act(RRD, ba=1) + write(RCD) + write(1, ba=1) + wait(2)

#: What is given, and the first rule it breaks.
SCRIPTS = {
    "legal": (READY + read(1) + read(8, ba=1) + pre(8, a=ALL) + ref(RP) + act(RFC, row=3)
              + pre(RAS) + act(max(RP, RC - RAS), row=2) + write(RCD) + pre(WR), "NONE"),
    "write after read": (READY + read(1) + write(12) + pre(WR), "NONE"),
    "mode before refresh": (pre(INIT, a=ALL) + mode(RP) + ref(MRD) + 7 * ref(RFC) + act(RFC),
                            "NONE"),
    "postponed refreshes": (READY + pre(WR, a=ALL) + wait(8 * 781) + 9 * ref(RFC) + wait(5 * 781)
                            + ref(RFC), "NONE"),
    "wait": (pre(INIT - 1, a=ALL), "INIT_WAIT"),
    "refresh first": (ref(INIT), "INIT_ORDER"),
    "mode first": (mode(INIT), "INIT_ORDER"),
    "seven refreshes": (pre(INIT, a=ALL) + ref(RP) + 6 * ref(RFC) + mode(RFC) + act(MRD),
                        "INIT_ORDER"),
    "no mode": (pre(INIT, a=ALL) + ref(RP) + 7 * ref(RFC) + act(RFC), "INIT_ORDER"),
    "tRCD, write": (START + act(MRD) + write(RCD - 1), "TRCD"),
    "tRCD, read": (READY + pre(WR) + act(RC) + read(RCD - 1), "TRCD"),
    "tRP, activate": (READY + pre(WR) + act(RP - 1), "TRP"),
    "tRP, refresh": (READY + pre(WR, a=ALL) + ref(RP - 1), "TRP"),
    "tRP, mode": (READY + pre(WR, a=ALL) + mode(RP - 1), "TRP"),
    "tRAS": (START + act(MRD) + pre(RAS - 1), "TRAS"),
    "tRAS, all": (START + act(MRD) + act(RAS - 1, ba=1) + pre(1, a=ALL), "TRAS"),
    "tRC, activate": (START + act(MRD) + pre(RAS) + act(RC - RAS - 1), "TRC"),
    "tRC, refresh": (START + act(MRD) + pre(RAS) + ref(RC - RAS - 1), "TRC"),
    "tRFC, activate": (START + mode(MRD) + ref(MRD) + act(RFC - 1), "TRFC"),
    "tRFC, refresh": (START + ref(MRD) + ref(RFC - 1), "TRFC"),
    "tRFC, precharge": (START + ref(MRD) + pre(RFC - 1), "TRFC"),
    "tRRD": (START + act(MRD) + act(RRD - 1, ba=1), "TRRD"),
    "tWR": (START + act(MRD) + write(RCD) + pre(WR - 1), "TWR"),
    "tWR, all": (START + act(MRD) + write(RCD) + pre(WR - 1, a=ALL), "TWR"),
    "tWR within the burst": (START + act(MRD) + write(RCD + 2)[:-4] + pre(1), "TWR"),
    "tMRD": (START + act(MRD - 1), "TMRD"),
    "tMRD, refresh": (START + ref(MRD - 1), "TMRD"),
    "refresh": (READY + pre(WR, a=ALL) + wait(9 * 782), "REFRESH_INTERVAL"),
    "refresh on average": (READY + pre(WR, a=ALL) + 12 * (wait(1500) + ref(1)),
                           "REFRESH_INTERVAL"),
    "activate an open bank": (START + act(MRD) + act(RC), "BANK_OPEN"),
    "refresh with an open bank": (READY + pre(WR) + ref(RP), "BANK_OPEN"),
    "mode with an open bank": (READY + pre(WR) + mode(RP), "BANK_OPEN"),
    "read a closed bank": (READY + read(1, ba=2), "BANK_CLOSED"),
    "write a precharged bank": (READY + pre(WR) + write(RP), "BANK_CLOSED"),
    "drive at once": (READY + read(1) + write(10), "CONTENTION"),
    "drive without a clock between": (READY + read(1) + write(11), "CONTENTION"),
    "write without data": (START + act(MRD) + then(RCD, WRITE) + wait(8), "UNDRIVEN"),
    "read another row": (READY + pre(WR) + act(RC, row=1) + read(RCD), "UNWRITTEN"),
    "interleaved bursts": (START + mode(MRD, MODE | 8), "UNSUPPORTED"),
    "bursts of 4": (START + mode(MRD, 0x32), "UNSUPPORTED"),
    "CAS latency 1": (START + mode(MRD, 0x13), "UNSUPPORTED"),
    "single writes": (START + mode(MRD, MODE | 1 << 9), "UNSUPPORTED"),
    "auto precharge": (READY + read(1, col=ALL), "UNSUPPORTED"),
    "masked read": (READY + read(1, dqm=1), "UNSUPPORTED"),
    "clock disabled": (READY + then(1, Command.NOP, cke=0), "UNSUPPORTED"),
}


async def play(dut, script):
    """Put a script on the pins, and deselect the chip after it."""
    set_to = {}
    for command, ba, a, *more in [*script, (Command.DESELECT, 0, 0)]:
        levels = command.value
        pins = {"cs_n": levels >> 3, "ras_n": levels >> 2 & 1, "cas_n": levels >> 1 & 1,
                "we_n": levels & 1, "ba": ba, "a": a, "cke": 1, "dqm": 0, "dq_oe": 0, "dq_o": 0,
                **(more[0] if more else {})}
        for name, value in pins.items():
            if set_to.get(name) != value:
                getattr(dut, f"pins__{name}").value = value
        set_to = pins
        await RisingEdge(dut.clk)


async def power_up(dut):
    dut.pins__cke.value = 0
    dut.power_up.value = 1
    await RisingEdge(dut.clk)
    dut.power_up.value = 0


@cocotb.test()
async def scripts(dut):
    """Every script meets a fresh chip."""
    start_clock(dut)
    wrong = []
    for name, (script, expected) in SCRIPTS.items():
        await power_up(dut)
        await play(dut, script)
        await play(dut, wait(4))
        code = int(dut.violation_code.value)
        count = int(dut.violations.value)
        if code != Violation[expected] or (count == 0) != (code == 0):
            wrong.append(f"{name}: {Violation(code).name}, not {expected}")
    assert not wrong, "\n".join(wrong)
    assert {expected for _, expected in SCRIPTS.values()} == {rule.name for rule in Violation}


@cocotb.test()
async def read_gives_what_was_written(dut):
    """Bursts wrap within their 8 columns; data come with CAS latency 3."""
    start_clock(dut)
    await power_up(dut)
    await play(dut, START + act(MRD, row=5) + write(RCD, col=8) + read(1, col=13))
    # `play` ends an edge after the one that took READ; data are sampled from the third after it.
    await RisingEdge(dut.clk)
    for n in range(8):
        await RisingEdge(dut.clk)
        assert int(dut.pins__dq_i.value) == 0x100 + 8 + (13 + n) % 8
    assert int(dut.violations.value) == 0


@cocotb.test()
async def suspects(dut):
    """Belief in too short a timing breaks that rule, and no other before."""
    start_clock(dut)
    await ClockCycles(dut.clk, 20_000)
    wrong = []
    for number, (name, expected) in enumerate(SUSPECTS.items()):
        code = int(getattr(dut, f"suspects__{number}").value)
        if code != Violation[expected]:
            wrong.append(f"{name}: {Violation(code).name}, not {expected}")
    assert not wrong, "\n".join(wrong)
    assert int(dut.beats.value) > 3_000
