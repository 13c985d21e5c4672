"""On-chip memory behind the memory signature."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import exact_log2

from ..dual_port_ram import DualPortRAM
from .arbiter import BurstArbiter
from .signature import MemorySignature

__all__ = ["BlockRAM"]

#: Beats of this many bytes lie in banks of so many beats: block RAMs of 9 bits, the parity's
#: included. A narrower memory is one bank, of block RAMs as narrow as Yosys likes.
_WIDE_BYTES, _WIDE_BANK = 16, 2048


class BlockRAM(wiring.Component):
    """Memory of block RAM: one beat a clock on the tape, also across commands.

    One address serves reads and writes, so a random burst of n beats costs the tape n clocks. A
    memory of ``depth`` beats takes ``ceil(8 * beat_bytes / 9) * depth / 2048`` block RAMs of an
    ECP5 where beats are 16 bytes or more, and ``beat_bytes * depth / 2048`` where they are less.
    It lies in banks with registers of their own before and behind them: addresses of many block
    RAMs have a long way to go.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat.
    depth : :class:`int`
        Beats: two bursts or more, and whole banks. Where it is no power of two, addresses wrap
        at the next one; between the two zeros are read, and what is written is lost.
    burst_beats : :class:`int`
        Beats of a burst, a power of two.
    init : iterable of :class:`int`
        Contents after configuration, beats; zeros where it ends.

    Members
    -------
    memory : :py:`In(MemorySignature(...))`
        The core.

    Raises
    ------
    ValueError
        If the depth is not whole bursts and banks, or too small.
    """

    #: Clocks from an accepted tape command to its first beat offered.
    latency = BurstArbiter.request_latency + 4 + BurstArbiter.beat_latency

    def __init__(self, *, beat_bytes, depth, burst_beats=8, init=()):
        bank_beats = min(depth, _WIDE_BANK) if beat_bytes >= _WIDE_BYTES else depth
        if depth < 2 * burst_beats or depth % burst_beats:
            raise ValueError(f"Depth must be whole bursts of {burst_beats} beats, two or more, "
                             f"not {depth!r}")
        if depth % bank_beats or bank_beats & (bank_beats - 1):
            raise ValueError(f"Depth must be a power of two or whole banks of {_WIDE_BANK} beats, "
                             f"not {depth!r}")
        self.beat_bytes = beat_bytes
        self.depth = depth
        self.burst_beats = burst_beats
        self.bank_beats = bank_beats
        self.addr_width = (depth - 1).bit_length()
        self.init = list(init)

        super().__init__({
            "memory": In(MemorySignature(beat_bytes=beat_bytes, addr_width=self.addr_width)),
        })

    def elaborate(self, platform):
        m = Module()

        width = 8 * self.beat_bytes
        m.submodules.arbiter = arbiter = BurstArbiter(
            beat_bytes=self.beat_bytes, addr_width=self.addr_width, burst_beats=self.burst_beats)
        connect(m, memory=flipped(self.memory), arbiter=arbiter.memory)

        # Reading and writing exclude each other.
        request = arbiter.request
        beat = Signal(range(self.burst_beats))
        last = beat == self.burst_beats - 1
        writes = request.valid & request.p.write
        m.d.sync += beat.eq(beat + request.valid)
        m.d.comb += [request.ready.eq(last), arbiter.stored.ready.eq(writes)]
        m.d.sync += arbiter.written.eq(writes & last & request.p.last)

        # A clock before, and one behind a bank's own: what comes from another bank is zero.
        address = Cat(beat, request.p.addr)
        row_bits = exact_log2(self.bank_beats)
        stored = Signal(width, reset_less=True)
        m.d.sync += stored.eq(arbiter.stored.payload)
        beats = []
        for n in range(self.depth // self.bank_beats):
            first = n * self.bank_beats
            bank = DualPortRAM(width=width, depth=self.bank_beats,
                               init=self.init[first:first + self.bank_beats])
            m.submodules[f"bank_{n}"] = bank
            chosen = request.valid & (address[row_bits:] == n)
            row = Signal(row_bits, name=f"row_{n}", reset_less=True)
            writing, reading, came = (Signal(name=f"{name}_{n}")
                                      for name in ("writing", "reading", "came"))
            with m.If(chosen):
                m.d.sync += row.eq(address)
            m.d.sync += [
                writing.eq(chosen & request.p.write),
                reading.eq(chosen & ~request.p.write),
                came.eq(reading),
            ]
            m.d.comb += [
                bank.w_addr.eq(row),
                bank.w_data.eq(stored),
                bank.w_en.eq(writing),
                bank.r_addr.eq(row),
                bank.r_en.eq(reading),
            ]
            beats.append(Signal(width, name=f"beat_{n}", reset_less=True))
            m.d.sync += beats[-1].eq(Mux(came, bank.r_data, 0))

        # The stages that a beat has passed, and whose it is.
        stages, tape = Signal(3), Signal(3)
        m.d.sync += [
            Cat(stages, arbiter.loaded).eq(Cat(request.valid & ~request.p.write, stages)),
            Cat(tape, arbiter.beat.tape).eq(Cat(request.p.tape, tape)),
            arbiter.beat.data.eq(reduce(or_, beats)),
        ]

        return m
