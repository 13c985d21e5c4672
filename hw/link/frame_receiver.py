"""Frame receiver: hands on what its CRC proves whole."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import BODY_MAX

from .cobs_decoder import Token
from .crc import CRC32

__all__ = ["FrameReceiver"]


class FrameReceiver(wiring.Component):
    """Keeps a frame until its CRC is checked, while the one before it is being read.

    A damaged, short or oversize frame leaves no trace but in ``dropped``. The input stalls only
    while both buffers hold whole frames.

    Members
    -------
    i : :py:`In(stream.Signature(Token))`
        Decoded bytes from the link.
    frame : :py:`Out(stream.Signature(range(BODY_MAX)))`
        Length of the next whole frame without its CRC, at least 2.
    bytes : :py:`Out(stream.Signature(8))`
        That many bytes, for each length taken, one in three clocks at most.
    dropped : :py:`Out(16)`
        Damaged frames so far; stops at 65535.

    Memory: 4096 x 8 bits, two block RAMs.
    """

    #: Cycles from the end of a frame to its length.
    latency = 2

    i: In(stream.Signature(Token))
    frame: Out(stream.Signature(range(BODY_MAX)))
    bytes: Out(stream.Signature(8))
    dropped: Out(16)

    def elaborate(self, platform):
        m = Module()

        depth = 1 << (BODY_MAX - 1).bit_length()
        m.submodules.buffers = buffers = memory.Memory(shape=8, depth=2 * depth, init=[])
        put = buffers.write_port()
        get = buffers.read_port()
        m.submodules.crc = crc = CRC32()

        full = Signal(2)  # by buffer: holds a whole frame
        lengths = Array(Signal(range(BODY_MAX), name=f"length_{n}") for n in range(2))

        # Towards the buffers.
        target = Signal()
        count = Signal(range(BODY_MAX + 1))
        overflow = Signal()
        cut = Signal()
        match = Signal()
        m.d.comb += [
            put.addr.eq(Cat(count[:len(put.addr) - 1], target)),
            put.data.eq(self.i.p.data),
            crc.data.eq(self.i.p.data),
        ]
        # The comparison of 32 bits has a clock of its own.
        m.d.sync += match.eq(crc.match)

        with m.FSM():
            with m.State("Collect"):
                m.d.comb += self.i.ready.eq(~full.bit_select(target, 1))
                with m.If(self.i.valid & self.i.ready):
                    with m.If(self.i.p.end):
                        m.d.sync += cut.eq(self.i.p.cut)
                        m.next = "Judge"
                    with m.Elif(count == BODY_MAX):
                        m.d.sync += overflow.eq(1)
                    with m.Else():
                        m.d.comb += [put.en.eq(1), crc.en.eq(1)]
                        m.d.sync += count.eq(count + 1)

            with m.State("Judge"):
                m.d.comb += crc.clear.eq(1)
                m.d.sync += [count.eq(0), overflow.eq(0)]
                with m.If(match & ~cut & ~overflow & (count >= 6)):
                    m.d.sync += [
                        full.bit_select(target, 1).eq(1),
                        lengths[target].eq(count - 4),
                        target.eq(~target),
                    ]
                with m.Elif(self.dropped != 0xffff):
                    m.d.sync += self.dropped.eq(self.dropped + 1)
                m.next = "Collect"

        # From the buffers. A byte stands in the register behind the memory two clocks after its
        # address: without an enable on the way, that register is the block RAM's own.
        source = Signal()
        at = Signal(range(BODY_MAX))
        end = Signal(range(BODY_MAX))
        reading = Signal()
        read = Signal()
        byte = Signal(8, reset_less=True)
        m.d.comb += [
            self.frame.valid.eq(full.bit_select(source, 1) & ~reading),
            self.frame.payload.eq(lengths[source]),
            get.addr.eq(Cat(at[:len(get.addr) - 1], source)),
            self.bytes.payload.eq(byte),
        ]
        m.d.sync += [
            byte.eq(get.data),
            read.eq(reading),
            self.bytes.valid.eq(read),
        ]
        with m.If(self.frame.valid & self.frame.ready):
            m.d.sync += [reading.eq(1), at.eq(0), end.eq(self.frame.payload - 1)]
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += [read.eq(0), self.bytes.valid.eq(0), at.eq(at + 1)]
            with m.If(at == end):
                m.d.sync += [reading.eq(0), source.eq(~source)]
                m.d.sync += full.bit_select(source, 1).eq(0)

        return m
