"""Registers on the bus: the handshake that every responder shares."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import ADDRESS_SPACE

from .link.bus import RegisterBus

__all__ = ["RegisterFile"]


class RegisterFile(wiring.Component):
    """Turns the register bus into strobes: one for each write, and one for each read.

    The parent decodes ``addr`` while a strobe is high, and gives the word of a read ``delay``
    clocks after ``read``, or later where it holds ``wait`` until then. One access is under way at
    a time.

    Parameters
    ----------
    delay : :class:`int`
        Clocks from ``read`` until ``word`` is there; 0 if it is combinational. A write takes as
        long.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Towards the host.
    addr : :py:`Out(range(ADDRESS_SPACE))`
        Address of the access, from the strobe to the word.
    data : :py:`Out(32)`
        What is written.
    write, read : :py:`Out(1)`
        Strobes.
    word : :py:`In(32)`
        What is read.
    wait : :py:`In(1)`
        While high, the word is not there yet, or the write not done, and no further access is
        taken. Counts from ``delay`` clocks after ``write`` or ``read`` on.

    Raises
    ------
    ValueError
        If the delay is negative.
    """

    def __init__(self, *, delay=0):
        if delay < 0:
            raise ValueError(f"Delay must not be negative, not {delay!r}")
        self.delay = delay
        super().__init__({
            "bus": In(RegisterBus),
            "addr": Out(range(ADDRESS_SPACE)),
            "data": Out(32),
            "write": Out(1),
            "read": Out(1),
            "word": In(32),
            "wait": In(1),
        })

    @property
    def latency(self):
        """Clocks from a request for a read to its reply."""
        return self.delay + 2

    def elaborate(self, platform):
        m = Module()

        writes = Signal()
        elapsed = Signal(range(self.delay + 1))

        m.d.sync += [self.write.eq(0), self.read.eq(0)]
        with m.FSM():
            with m.State("Take-Request"):
                m.d.comb += self.bus.request.ready.eq(1)
                m.d.sync += [self.addr.eq(self.bus.request.p.addr),
                             self.data.eq(self.bus.request.p.data), elapsed.eq(0)]
                with m.If(self.bus.request.valid):
                    m.d.sync += writes.eq(self.bus.request.p.write)
                    m.d.sync += [self.write.eq(self.bus.request.p.write),
                                 self.read.eq(~self.bus.request.p.write)]
                    m.next = "Await-Word"

            with m.State("Await-Word"):
                m.d.sync += self.bus.reply.payload.eq(self.word)
                with m.If(elapsed != self.delay):
                    m.d.sync += elapsed.eq(elapsed + 1)
                with m.Elif(~self.wait):
                    m.next = "Reply"
                    with m.If(writes):
                        m.next = "Take-Request"

            with m.State("Reply"):
                m.d.comb += self.bus.reply.valid.eq(1)
                with m.If(self.bus.reply.ready):
                    m.next = "Take-Request"

        return m
