"""The UART against waveforms, with the other end's clock off by up to 2 %.

Against an independent UART, alone and before the link: bench_uart.py.
"""

from pathlib import Path
from random import Random

import pytest
from amaranth import *
from amaranth.back import rtlil
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from bench import simulate, transfers
from cocotb_support import run_bench
from trine.hw.link.link import Link
from trine.hw.link.uart import UART
from trine.hw.link.uart_receiver import UARTReceiver
from trine.hw.link.uart_transmitter import UARTTransmitter
from trine.hw.memory.block_ram import BlockRAM

BENCH = Path(__file__).with_name("bench_uart.py")
MHZ = 1_000_000
#: Registers and memory behind the link, in words and bytes.
REGISTERS, MEMORY = 16, 4096


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


class SerialBoard(wiring.Component):
    """Two serial lines: a bare UART, and a link with registers and memory behind it."""

    rx: In(1, init=1)
    tx: Out(1, init=1)
    dropped: Out(16)
    bare_rx: In(1, init=1)
    bare_tx: Out(1, init=1)
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, **options):
        self.options = options
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        m.submodules.bare = bare = UART(**self.options)
        m.d.comb += [bare.rx.eq(self.bare_rx), self.bare_tx.eq(bare.tx)]
        connect(m, i=flipped(self.i), bare=bare.i)
        connect(m, bare=bare.o, o=flipped(self.o))

        beats = MEMORY // 2
        m.submodules.uart = uart = UART(**self.options)
        m.submodules.link = link = Link(beat_bytes=2, burst_beats=8,
                                        addr_width=beats.bit_length() - 1)
        m.submodules.memory = memory = BlockRAM(beat_bytes=2, depth=beats)
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx), self.dropped.eq(link.dropped)]
        connect(m, uart=uart.o, link=link.rx)
        connect(m, link=link.tx, uart=uart.i)
        for name in ("burst", "wdata", "rdata"):
            connect(m, link=getattr(link.memory, name), memory=getattr(memory.memory, name))
        m.d.comb += link.memory.done.eq(memory.memory.done)

        m.submodules.registers = registers = Memory(shape=32, depth=REGISTERS, init=[])
        write, read = registers.write_port(), registers.read_port(domain="comb")
        request, reply = link.bus.request, link.bus.reply
        m.d.comb += [
            request.ready.eq(~reply.valid),
            write.addr.eq(request.p.addr),
            write.data.eq(request.p.data),
            write.en.eq(request.valid & request.ready & request.p.write),
            read.addr.eq(request.p.addr),
        ]
        with m.If(reply.ready):
            m.d.sync += reply.valid.eq(0)
        with m.If(request.valid & request.ready & ~request.p.write):
            m.d.sync += [reply.valid.eq(1), reply.payload.eq(read.data)]

        return m


@pytest.mark.slow
@pytest.mark.parametrize("clock_hz, period, baud", [
    pytest.param(100 * MHZ, 10, 3_000_000, id="100MHz"),
    pytest.param(112_500_000, 8.888, 3_000_000, id="112MHz"),
    pytest.param(133_333_333, 7.5, 3_000_000, id="133MHz"),
    pytest.param(100 * MHZ, 10, 1_000_000, id="1Mbaud"),
])
def test_on_verilator(clock_hz, period, baud):
    run_bench(BENCH, SerialBoard(clock_hz=clock_hz, baud=baud), top="board",
              values={"period": period, "baud": baud, "registers": REGISTERS, "memory": MEMORY})
