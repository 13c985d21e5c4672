"""The baud generator keeps its rate."""

import pytest
from amaranth.back import rtlil

from bench import simulate
from trine.hw.link.baud_generator import BaudGenerator


def ticks(dut, clocks, *, half=0):
    found = []

    async def testbench(ctx):
        ctx.set(dut.half, half)
        ctx.set(dut.restart, 1)
        await ctx.tick()
        ctx.set(dut.restart, 0)
        for clock in range(1, clocks + 1):
            if (await ctx.tick().sample(dut.tick))[2]:
                found.append(clock)

    simulate(dut, testbench)
    return found


@pytest.mark.parametrize("clock_hz, baud", [
    (100_000_000, 3_000_000), (100_000_000, 12_000_000), (133_333_333, 3_000_000),
    (25_000_000, 115_200), (8, 1)])
def test_keeps_its_rate(clock_hz, baud):
    bit = clock_hz / baud
    found = ticks(BaudGenerator(clock_hz=clock_hz, baud=baud), int(20 * bit) + 3)

    assert len(found) == 20
    for n, clock in enumerate(found, start=1):
        assert abs(clock - n * bit) <= 0.5 + 0.0005 * n * bit


def test_half_a_bit_less_two_clocks():
    assert ticks(BaudGenerator(clock_hz=64, baud=1), 200, half=1) == [31, 95, 159]


@pytest.mark.parametrize("clock_hz, baud", [(25_000_000, 300), (100_000_000, 3_000_000),
                                            (50_000_000, 6_250_000), (48_000_000, 921_600)])
def test_rate_error(clock_hz, baud):
    dut = BaudGenerator(clock_hz=clock_hz, baud=baud)

    assert abs(dut.step * clock_hz / (baud << dut.width) - 1) < 0.0005


@pytest.mark.parametrize("clock_hz, baud", [(7_999_999, 1_000_000), (1000, 0)])
def test_rejects(clock_hz, baud):
    with pytest.raises(ValueError, match=f"clock's {clock_hz} Hz, not {baud}"):
        BaudGenerator(clock_hz=clock_hz, baud=baud)


def test_converts():
    rtlil.convert(BaudGenerator(clock_hz=100_000_000, baud=3_000_000))
