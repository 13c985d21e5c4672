"""COBS decoder: bytes from the link to the bytes of frames."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CobsDecoder", "Token"]


class Token(data.Struct):
    """One byte of a frame, or its end: then ``cut`` tells that a block was not complete."""

    data: 8
    end: 1
    cut: 1


class CobsDecoder(wiring.Component):
    """Takes off the stuffing, one byte a clock.

    A delimiter that ends nothing (two in a row) gives no token. Any input leads back to the start
    of a frame at the next delimiter. Golden: :func:`trine.firmware.protocol.cobs_decode`.

    Members
    -------
    i : :py:`In(stream.Signature(8))`
        Bytes from the link.
    o : :py:`Out(stream.Signature(Token))`
        Bytes of a frame, then its end.

    Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999.
    """

    #: Cycles from an accepted byte to its token, when nothing stalls.
    latency = 1

    i: In(stream.Signature(8))
    o: Out(stream.Signature(Token))

    def elaborate(self, platform):
        m = Module()

        left = Signal(8)  # bytes still to come in this block
        begun = Signal()  # the frame has at least one byte on the link
        zero = Signal()  # the block before stands for a zero, if another block follows

        m.d.comb += self.i.ready.eq(self.o.ready | ~self.o.valid)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(0)
            m.d.sync += self.o.p.end.eq(self.i.payload == 0)
            m.d.sync += self.o.p.cut.eq((self.i.payload == 0) & (left != 0))
            m.d.sync += self.o.p.data.eq(Mux(left != 0, self.i.payload, 0))
            with m.If(self.i.valid):
                with m.If(self.i.payload == 0):
                    m.d.sync += [self.o.valid.eq(begun), begun.eq(0), zero.eq(0), left.eq(0)]
                with m.Elif(left == 0):
                    m.d.sync += [self.o.valid.eq(zero), begun.eq(1)]
                    m.d.sync += [zero.eq(self.i.payload != 255), left.eq(self.i.payload - 1)]
                with m.Else():
                    m.d.sync += [self.o.valid.eq(1), left.eq(left - 1)]

        return m
