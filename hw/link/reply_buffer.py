"""Reply buffer: keeps the last reply, so that it can be sent again."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import DATA_MAX

from .cobs_encoder import FrameByte

__all__ = ["Reply", "ReplyBuffer"]


class Reply(data.Struct):
    """Head of a reply, and what it carries: the payload kept, or one byte, or nothing."""

    seq: 8
    status: 8
    byte: 8
    has_byte: 1
    has_payload: 1


class ReplyBuffer(wiring.Component):
    """Keeps a payload and sends replies with or without it.

    Members
    -------
    clear : :py:`In(1)`
        Forgets the payload. Not while a reply is on its way.
    i : :py:`In(stream.Signature(8))`
        Bytes of the payload, at most 1024; always ready.
    reply : :py:`In(stream.Signature(Reply))`
        A reply to send. ``ready`` is high exactly while none is on its way.
    o : :py:`Out(stream.Signature(FrameByte))`
        Replies, without CRC.

    Memory: 1024 x 8 bits, one block RAM.
    """

    clear: In(1)
    i: In(stream.Signature(8))
    reply: In(stream.Signature(Reply))
    o: Out(stream.Signature(FrameByte))

    def elaborate(self, platform):
        m = Module()

        m.submodules.payload = payload = memory.Memory(shape=8, depth=DATA_MAX, init=[])
        put = payload.write_port()
        get = payload.read_port()

        length = Signal(range(DATA_MAX + 1))
        m.d.comb += self.i.ready.eq(1)
        m.d.comb += [put.addr.eq(length), put.data.eq(self.i.payload), put.en.eq(self.i.valid)]
        with m.If(self.clear):
            m.d.sync += length.eq(0)
        with m.Elif(self.i.valid):
            m.d.sync += length.eq(length + 1)

        reply = Signal(Reply)
        at = Signal(range(DATA_MAX + 1))
        m.d.comb += [get.addr.eq(at), get.en.eq(self.o.ready | ~self.o.valid)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        # A byte is of the header or of the memory, whose output is slow: each has a register that
        # is zero where the other one is meant.
        header, body = Signal(8, reset_less=True), Signal(8, reset_less=True)
        m.d.comb += self.o.p.data.eq(header | body)

        def send(byte, *, last, register=header):
            m.d.sync += [self.o.valid.eq(1), header.eq(0), body.eq(0), register.eq(byte),
                         self.o.p.last.eq(last)]

        with m.FSM():
            with m.State("Take-Reply"):
                # Not ready before the last byte is gone: the payload is still needed until then.
                m.d.comb += self.reply.ready.eq(~self.o.valid)
                m.d.sync += [reply.eq(self.reply.p), at.eq(0)]
                with m.If(self.reply.valid & self.reply.ready):
                    m.next = "Send-Sequence"

            with m.State("Send-Sequence"):
                send(reply.seq, last=0)
                m.next = "Send-Status"

            with m.State("Send-Status"):
                with m.If(get.en):
                    has_payload = reply.has_payload & (length != 0)
                    send(reply.status, last=~(has_payload | reply.has_byte))
                    m.next = "Take-Reply"
                    with m.If(has_payload):
                        m.d.sync += at.eq(1)
                        m.next = "Send-Payload"
                    with m.Elif(reply.has_byte):
                        m.next = "Send-Byte"

            with m.State("Send-Byte"):
                with m.If(get.en):
                    send(reply.byte, last=1)
                    m.next = "Take-Reply"

            with m.State("Send-Payload"):
                # `at` is one ahead of the byte in the memory's register.
                with m.If(get.en):
                    send(get.data, last=at == length, register=body)
                    m.d.sync += at.eq(at + 1)
                    with m.If(at == length):
                        m.next = "Take-Reply"

        return m
