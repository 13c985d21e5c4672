"""The UART against waveforms, with the other end's clock off by up to 2 %."""

from random import Random

import pytest
from amaranth import *
from amaranth.back import rtlil

from bench import simulate, transfers
from trine.hw.link.uart import UART
from trine.hw.link.uart_receiver import UARTReceiver
from trine.hw.link.uart_transmitter import UARTTransmitter


def waveform(sent, bit, *, rng=None):
    """Return the line's level in every clock; bits last ``bit`` clocks."""
    levels = [1] * 20
    begin = 20.0
    for byte in sent:
        begin += rng.random() * 2 * bit if rng and rng.random() < 0.3 else 0
        for n, level in enumerate([0, *(byte >> n & 1 for n in range(8)), 1]):
            end = round(begin + (n + 1) * bit)
            levels += [1] * (round(begin + n * bit) - len(levels))
            levels += [level] * (end - len(levels))
        begin += 10 * bit
    return levels + [1] * int(12 * bit)


def receive(dut, levels, *, taking=lambda clock: True):
    received = []

    async def testbench(ctx):
        for clock, level in enumerate(levels):
            ctx.set(dut.rx, level)
            ready = taking(clock)
            ctx.set(dut.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid and ready:
                received.append(payload)

    simulate(dut, testbench)
    return received


def read_line(levels, bit):
    """Return the bytes on a line, sampled at the middle of each bit."""
    found, at = [], 0
    while 0 in levels[at:]:
        at += levels[at:].index(0)
        bits = [levels[int(at + (n + 0.5) * bit)] for n in range(10)]
        assert bits[0] == 0 and bits[9] == 1, "no byte"
        found.append(sum(level << n for n, level in enumerate(bits[1:9])))
        at = int(at + 9.5 * bit)
    return found


RATES = [(100_000_000, 3_000_000), (8_000_000, 1_000_000), (100_000_000, 12_000_000)]


@pytest.mark.parametrize("clock_hz, baud", RATES)
@pytest.mark.parametrize("error", [-0.02, 0.0, 0.02])
def test_receives(clock_hz, baud, error):
    rng = Random(f"{baud} {error}")
    sent = [0x00, 0xff, 0x55, 0xaa, 0x01, 0x80, *rng.randbytes(14)]
    levels = waveform(sent, clock_hz / baud * (1 + error), rng=rng)

    assert receive(UARTReceiver(clock_hz=clock_hz, baud=baud), levels) == sent


@pytest.mark.parametrize("clock_hz, baud", RATES)
def test_transmits(clock_hz, baud):
    rng = Random(baud)
    sent = [0x00, 0xff, 0x55, 0xaa, *rng.randbytes(8)]
    dut = UARTTransmitter(clock_hz=clock_hz, baud=baud)
    levels = []

    async def watch(ctx):
        async for _, _, level in ctx.tick().sample(dut.tx):
            levels.append(level)

    transfers(dut, {"i": sent}, {}, stall=0.0, settle=int(12 * clock_hz / baud),
              background=[watch])

    for error in (-0.02, 0.0, 0.02):
        assert read_line(levels, clock_hz / baud * (1 + error)) == sent
    # At full speed, a byte takes ten bits and no more than two clocks.
    first, last = levels.index(0), len(levels) - levels[::-1].index(0)
    assert last - first <= len(sent) * (10 * clock_hz / baud + 2)


def test_noise_is_no_start_bit():
    levels = waveform([0x5a], 16)
    levels[3:9] = [0] * 6  # shorter than half a bit

    assert receive(UARTReceiver(clock_hz=16, baud=1), [1] * 40 + levels) == [0x5a]


def test_a_missing_stop_bit_loses_the_byte_only():
    held_low = [1] * 20 + [0] * 400

    assert receive(UARTReceiver(clock_hz=16, baud=1), held_low + waveform([0x5a], 16)) == [0x5a]


def test_a_byte_not_taken_keeps_its_place():
    """The stream's rule: what is offered stays; what comes in its way is lost."""
    levels = waveform([1, 2, 3], 16)
    late = 20 + 25 * 16

    assert receive(UARTReceiver(clock_hz=16, baud=1), levels,
                   taking=lambda clock: clock > late) == [1, 3]


def test_both_ways():
    m = Module()
    m.submodules.a = a = UART(clock_hz=1000, baud=120)
    m.submodules.b = b = UART(clock_hz=1000, baud=118)
    m.d.comb += [a.rx.eq(b.tx), b.rx.eq(a.tx)]
    m.a, m.b = a, b
    there, back = [*range(0, 250, 25)], [*range(5, 255, 25)]

    moved = transfers(m, {"a.i": there, "b.i": back}, {"a.o": 10, "b.o": 10}, stall=0.0)

    assert [byte for _, byte in moved["b.o"]] == there
    assert [byte for _, byte in moved["a.o"]] == back


def test_rejects():
    with pytest.raises(ValueError, match="an eighth of the clock's 12000000 Hz, not 3000000"):
        UART(clock_hz=12_000_000)


@pytest.mark.parametrize("component", [UART, UARTReceiver, UARTTransmitter])
def test_converts(component):
    rtlil.convert(component(clock_hz=100_000_000, baud=3_000_000))
