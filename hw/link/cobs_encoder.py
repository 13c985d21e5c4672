"""COBS encoder: the bytes of frames to bytes on the link."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CobsEncoder", "FrameByte"]


class FrameByte(data.Struct):
    """One byte of a frame; ``last`` marks its last one."""

    data: 8
    last: 1


class CobsEncoder(wiring.Component):
    """Stuffs frames and ends each with a delimiter.

    Golden: :func:`trine.firmware.protocol.cobs_encode`. Takes one byte a clock, with a pause of one
    clock behind 254 bytes without a zero and of two behind a frame; gives one byte a clock. A block
    leaves when it is complete, so a frame takes up to 256 clocks to appear.

    Members
    -------
    i : :py:`In(stream.Signature(FrameByte))`
        Bytes of frames; none is empty.
    o : :py:`Out(stream.Signature(8))`
        Bytes for the link.

    Memory: 512 x 8 bits, one block RAM.

    Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999.
    """

    #: Bytes in the ring: a whole block can be collected while another one leaves.
    depth = 512

    #: Cycles from a zero byte, accepted, to the first byte of its block, when nothing stalls.
    latency = 3

    i: In(stream.Signature(FrameByte))
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()

        # The ring holds blocks that leave, between `read` and `block`, and the one being collected,
        # from `block` on: its first place is kept for its code, which is known when it is complete.
        # A zero is not stored, so the code is written in its cycle.
        m.submodules.ring = ring = memory.Memory(shape=8, depth=self.depth, init=[])
        put = ring.write_port()
        get = ring.read_port()

        read = Signal(range(self.depth))
        block = Signal(range(self.depth))
        code = Signal(8, init=1)  # the block's code if it ended here
        end = Signal(range(self.depth))
        room = Signal()
        m.d.comb += end.eq(block + code)
        # Two places are kept: the new block's code, and the delimiter.
        m.d.sync += room.eq((read - end - 1)[:len(read)] > 2)

        def write(addr, byte):
            m.d.comb += [put.en.eq(1), put.addr.eq(addr), put.data.eq(byte)]

        def close_block():
            write(block, code)
            m.d.sync += [block.eq(end), code.eq(1)]

        with m.FSM():
            with m.State("Collect"):
                m.d.comb += self.i.ready.eq(room)
                with m.If(self.i.valid & room):
                    with m.If(self.i.p.data == 0):
                        close_block()
                        with m.If(self.i.p.last):
                            m.next = "Close-Last-Block"
                    with m.Else():
                        write(end, self.i.p.data)
                        m.d.sync += code.eq(code + 1)
                        with m.If(self.i.p.last):
                            m.next = "Close-Last-Block"
                        with m.Elif(code == 254):
                            m.next = "Close-Full-Block"

            with m.State("Close-Full-Block"):
                close_block()
                m.next = "Collect"

            with m.State("Close-Last-Block"):
                close_block()
                m.next = "Delimit"

            with m.State("Delimit"):
                with m.If(room):
                    write(block, 0)
                    m.d.sync += block.eq(block + 1)
                    m.next = "Collect"

        # The byte behind the block RAM's own register goes through one more before any logic.
        fetched = Signal()
        send = Signal()
        fetch = Signal()
        m.d.comb += send.eq(self.o.ready | ~self.o.valid)
        m.d.comb += fetch.eq(send | ~fetched)
        m.d.comb += [get.addr.eq(read), get.en.eq(fetch)]
        with m.If(send):
            m.d.sync += [self.o.valid.eq(fetched), self.o.payload.eq(get.data)]
        with m.If(fetch):
            m.d.sync += fetched.eq(read != block)
            with m.If(read != block):
                m.d.sync += read.eq(read + 1)

        return m
