"""Frame sender: puts the CRC behind a frame."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from .cobs_encoder import FrameByte

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

        m.submodules.checksum = checksum = CRC32_ISO_HDLC().create()
        m.d.comb += checksum.data.eq(self.i.p.data)

        free = Signal()
        lane = Signal(range(4))
        first = Signal(init=1)
        m.d.comb += free.eq(self.o.ready | ~self.o.valid)
        m.d.comb += checksum.start.eq(first & checksum.valid)

        with m.FSM():
            with m.State("Pass-Frame"):
                m.d.comb += self.i.ready.eq(free)
                m.d.comb += checksum.valid.eq(self.i.valid & free)
                with m.If(free):
                    m.d.sync += self.o.valid.eq(self.i.valid)
                    m.d.sync += [self.o.p.data.eq(self.i.p.data), self.o.p.last.eq(0)]
                    with m.If(self.i.valid):
                        m.d.sync += first.eq(self.i.p.last)
                        with m.If(self.i.p.last):
                            m.next = "Append-Checksum"

            with m.State("Append-Checksum"):
                with m.If(free):
                    m.d.sync += self.o.valid.eq(1)
                    m.d.sync += self.o.p.data.eq(checksum.crc.word_select(lane, 8))
                    m.d.sync += self.o.p.last.eq(lane == 3)
                    m.d.sync += lane.eq(lane + 1)
                    with m.If(lane == 3):
                        m.next = "Pass-Frame"

        return m
