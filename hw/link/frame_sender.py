"""Frame sender: puts the CRC behind a frame."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .cobs_encoder import FrameByte
from .crc import CRC32

__all__ = ["FrameSender"]


class FrameSender(wiring.Component):
    """Appends the CRC-32 of each frame, little-endian; one byte a clock.

    Members
    -------
    i : :py:`In(stream.Signature(FrameByte))`
        Frames without CRC.
    o : :py:`Out(stream.Signature(FrameByte))`
        Frames with CRC, for the COBS encoder.
    """

    #: Cycles from an accepted byte to the same byte, when nothing stalls.
    latency = 1

    i: In(stream.Signature(FrameByte))
    o: Out(stream.Signature(FrameByte))

    def elaborate(self, platform):
        m = Module()

        m.submodules.crc = crc = CRC32()
        m.d.comb += crc.data.eq(self.i.p.data)

        free = Signal()
        lane = Signal(range(4))
        m.d.comb += free.eq(self.o.ready | ~self.o.valid)

        with m.FSM():
            with m.State("Pass-Frame"):
                m.d.comb += self.i.ready.eq(free)
                with m.If(free):
                    m.d.comb += crc.en.eq(self.i.valid)
                    m.d.sync += self.o.valid.eq(self.i.valid)
                    m.d.sync += [self.o.p.data.eq(self.i.p.data), self.o.p.last.eq(0)]
                    with m.If(self.i.valid & self.i.p.last):
                        m.next = "Append-Checksum"

            with m.State("Append-Checksum"):
                with m.If(free):
                    m.d.comb += crc.shift.eq(1)
                    m.d.sync += [self.o.valid.eq(1), lane.eq(lane + 1)]
                    m.d.sync += [self.o.p.data.eq(crc.byte), self.o.p.last.eq(lane == 3)]
                    with m.If(lane == 3):
                        m.d.comb += crc.clear.eq(1)
                        m.next = "Pass-Frame"

        return m
