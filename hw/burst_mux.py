"""One burst port for two initiators: the link and the memory mover."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .link.memory_port import BurstSignature
from .memory.signature import BURST_BEATS_WIDTH

__all__ = ["BurstMux"]


class BurstMux(wiring.Component):
    """Lets one initiator at a time use the memory's burst port, for a whole command.

    A command is over when its last beat was read, or when its data are in memory. The mover goes
    first where both ask, for the machine waits for it. A command passes after 1 clock; its data
    pass at once.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a memory beat.
    addr_width : :class:`int`
        Bits of a beat address.

    Members
    -------
    link, mover : :py:`In(BurstSignature(...))`
        The initiators.
    memory : :py:`Out(BurstSignature(...))`
        The memory.
    """

    def __init__(self, *, beat_bytes, addr_width):
        self.beat_bytes = beat_bytes
        self.addr_width = addr_width
        signature = BurstSignature(beat_bytes=beat_bytes, addr_width=addr_width)
        super().__init__({"link": In(signature), "mover": In(signature), "memory": Out(signature)})

    def elaborate(self, platform):
        m = Module()

        memory = self.memory
        owns_mover = Signal()
        beats_left = Signal(BURST_BEATS_WIDTH)

        # What needs no gate: payloads, and the strobe, which only the owner waits for.
        owner = {0: self.link, 1: self.mover}
        with m.Switch(owns_mover):
            for number, port in owner.items():
                with m.Case(number):
                    m.d.comb += memory.burst.payload.eq(port.burst.payload)
                    m.d.comb += memory.wdata.payload.eq(port.wdata.payload)
        for number, port in owner.items():
            m.d.comb += port.rdata.payload.eq(memory.rdata.payload)
            m.d.comb += port.done.eq(memory.done & (owns_mover == number))

        def for_owner(assign):
            with m.Switch(owns_mover):
                for number, port in owner.items():
                    with m.Case(number):
                        m.d.comb += assign(port)

        with m.FSM():
            with m.State("Choose"):
                m.d.sync += owns_mover.eq(self.mover.burst.valid)
                with m.If(self.mover.burst.valid | self.link.burst.valid):
                    m.next = "Command"

            with m.State("Command"):
                for_owner(lambda port: [memory.burst.valid.eq(port.burst.valid),
                                        port.burst.ready.eq(memory.burst.ready)])
                m.d.sync += beats_left.eq(memory.burst.p.beats)
                with m.If(memory.burst.ready):
                    m.next = "Read"
                    with m.If(memory.burst.p.beats == 0):
                        m.next = "Choose"
                    with m.Elif(memory.burst.p.write):
                        m.next = "Write"

            with m.State("Read"):
                for_owner(lambda port: [port.rdata.valid.eq(memory.rdata.valid),
                                        memory.rdata.ready.eq(port.rdata.ready)])
                with m.If(memory.rdata.valid & memory.rdata.ready):
                    m.d.sync += beats_left.eq(beats_left - 1)
                    with m.If(beats_left == 1):
                        m.next = "Choose"

            with m.State("Write"):
                for_owner(lambda port: [memory.wdata.valid.eq(port.wdata.valid),
                                        port.wdata.ready.eq(memory.wdata.ready)])
                with m.If(memory.wdata.valid & memory.wdata.ready):
                    m.d.sync += beats_left.eq(beats_left - 1)
                    with m.If(beats_left == 1):
                        m.next = "Await-Done"
                        with m.If(memory.done):
                            m.next = "Choose"

            with m.State("Await-Done"):
                with m.If(memory.done):
                    m.next = "Choose"

        return m
