"""The LEDs follow the state, and short events are long enough to see."""

import pytest
from amaranth.sim import Simulator

from trine.firmware.registers import State
from trine.hw.boards.status_leds import LEDS, StatusLEDs

CLOCK_HZ = 1 << 17  # a sixteenth of a second is 2^13 clocks
NAMES = list(LEDS)


def simulate(bench):
    dut = StatusLEDs(clock_hz=CLOCK_HZ)
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def process(ctx):
        await bench(ctx, dut)

    simulator.add_testbench(process)
    simulator.run()


def shown(ctx, dut):
    leds = ctx.get(dut.leds)
    return {name for n, name in enumerate(NAMES) if leds >> n & 1} - {"alive"}


@pytest.mark.parametrize("state, lit", (
    (State.IDLE, {"idle"}), (State.RUNNING, {"running"}), (State.WAITING, {"running"}),
    (State.ERROR, {"error"})))
def test_state(state, lit):
    async def bench(ctx, dut):
        ctx.set(dut.state, state)
        await ctx.tick().repeat(3)
        assert shown(ctx, dut) == lit

    simulate(bench)


@pytest.mark.parametrize("event", ("loading", "receiving", "sending", "reading"))
def test_an_event_of_one_clock_is_seen(event):
    async def bench(ctx, dut):
        ctx.set(getattr(dut, event), 1)
        await ctx.tick()
        ctx.set(getattr(dut, event), 0)
        await ctx.tick().repeat(2)
        lit = 0
        while event in shown(ctx, dut):
            await ctx.tick().repeat(64)
            lit += 64
        # One to four sixteenths of a second.
        assert CLOCK_HZ // 16 <= lit <= CLOCK_HZ // 4 + 64

    simulate(bench)


def test_alive_blinks():
    async def bench(ctx, dut):
        alive, changes, last = NAMES.index("alive"), 0, 0
        for _ in range(80):
            await ctx.tick().repeat(CLOCK_HZ // 128)
            level = ctx.get(dut.leds) >> alive & 1
            changes += level != last
            last = level
        assert 2 <= changes <= 20

    simulate(bench)
