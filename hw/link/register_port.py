"""Register port: moves words between bytes of frames and the register bus."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import ADDRESS_SPACE, DATA_MAX

from .bus import RegisterBus

__all__ = ["RegisterCommand", "RegisterPort"]


class RegisterCommand(data.Struct):
    """``count`` words, at least 1, read or written from ``addr`` on, or all at it (``keep``)."""

    addr: range(ADDRESS_SPACE)
    count: range(DATA_MAX // 4 + 1)
    keep: 1
    write: 1


class RegisterPort(wiring.Component):
    """Reads or writes a run of registers.

    Members
    -------
    command : :py:`In(stream.Signature(RegisterCommand))`
        ``ready`` is high exactly while nothing is under way and every byte of ``o`` was taken.
    i : :py:`In(stream.Signature(8))`
        Words to write, little-endian: four bytes for each word commanded.
    o : :py:`Out(stream.Signature(8))`
        Words read, likewise.
    bus : :py:`Out(RegisterBus)`
        The registers.
    """

    command: In(stream.Signature(RegisterCommand))
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))
    bus: Out(RegisterBus)

    def elaborate(self, platform):
        m = Module()

        command = Signal(RegisterCommand)
        word = Signal(32)
        lane = Signal(range(4))

        m.d.comb += [
            self.bus.request.p.addr.eq(command.addr),
            self.bus.request.p.write.eq(command.write),
            self.bus.request.p.data.eq(word),
            self.o.payload.eq(word[:8]),
        ]

        with m.FSM():
            with m.State("Take-Command"):
                m.d.comb += self.command.ready.eq(1)
                m.d.sync += command.eq(self.command.p)
                with m.If(self.command.valid):
                    m.next = "Request-Word"
                    with m.If(self.command.p.write):
                        m.next = "Gather-Word"

            with m.State("Gather-Word"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [word.eq(Cat(word[8:], self.i.payload)), lane.eq(lane + 1)]
                    with m.If(lane == 3):
                        m.next = "Request-Word"

            with m.State("Request-Word"):
                m.d.comb += self.bus.request.valid.eq(1)
                with m.If(self.bus.request.ready):
                    m.d.sync += command.addr.eq(command.addr + ~command.keep)
                    m.d.sync += command.count.eq(command.count - 1)
                    m.next = "Take-Reply"
                    with m.If(command.write):
                        m.next = "Gather-Word"
                        with m.If(command.count == 1):
                            m.next = "Take-Command"

            with m.State("Take-Reply"):
                m.d.comb += self.bus.reply.ready.eq(1)
                with m.If(self.bus.reply.valid):
                    m.d.sync += word.eq(self.bus.reply.payload)
                    m.next = "Send-Word"

            with m.State("Send-Word"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += [word.eq(word >> 8), lane.eq(lane + 1)]
                    with m.If(lane == 3):
                        m.next = "Request-Word"
                        with m.If(command.count == 0):
                            m.next = "Take-Command"

        return m
