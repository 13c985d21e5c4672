"""One burst port for several initiators, one command at a time."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .link.memory_port import BurstSignature
from .memory.signature import BURST_BEATS_WIDTH

__all__ = ["BurstMux"]


class BurstMux(wiring.Component):
    """Lets one initiator at a time use the memory's burst port, for a whole command.

    A command is over a clock after its last beat was read, or when its data are in memory. Where
    several ask, the first one of ``initiators`` goes first, and its command is taken a clock later.
    Commands and data to the memory are registered; what was read passes at once.

    Parameters
    ----------
    initiators : iterable of :class:`str`
        Their names, in the order of their priority.
    beat_bytes : :class:`int`
        Bytes of a memory beat.
    addr_width : :class:`int`
        Bits of a beat address.

    Members
    -------
    <initiator> : :py:`In(BurstSignature(...))`
        One for each name. A command has zero beats, or two or more.
    memory : :py:`Out(BurstSignature(...))`
        The memory.

    Raises
    ------
    ValueError
        If there is no initiator, or two of one name.
    """

    #: Clocks from a command accepted, or a beat to write, to the same at the memory.
    latency = 1

    def __init__(self, *, initiators, beat_bytes, addr_width):
        self.initiators = tuple(initiators)
        self.beat_bytes = beat_bytes
        self.addr_width = addr_width
        if not self.initiators or len(set(self.initiators)) != len(self.initiators):
            raise ValueError(f"Initiators of a burst multiplexer must be one or more names, all "
                             f"different, not {self.initiators!r}")
        signature = BurstSignature(beat_bytes=beat_bytes, addr_width=addr_width)
        super().__init__({"memory": Out(signature),
                          **{name: In(signature) for name in self.initiators}})

    def elaborate(self, platform):
        m = Module()

        memory = self.memory
        ports = [getattr(self, name) for name in self.initiators]
        grant = Signal(len(ports))  # one-hot

        # Every initiator has its own registers, cleared while another one is served: so the
        # registers of all need no multiplexer, only an OR.
        commands, beats = [], []
        taking = Signal()
        writing = Signal(len(ports))  # one-hot
        over = Signal()
        wdata_free = Signal()
        for name, port, granted, writes in zip(self.initiators, ports, grant, writing):
            commands.append(Signal.like(port.burst.payload, name=f"{name}_command"))
            beats.append(Signal.like(port.wdata.payload, name=f"{name}_beat"))
            m.d.comb += [
                port.burst.ready.eq(taking & granted),
                port.wdata.ready.eq(writes & ~over & wdata_free),
                port.rdata.payload.eq(memory.rdata.payload),
                port.rdata.valid.eq(memory.rdata.valid & granted),
                port.done.eq(memory.done & granted),
            ]
            with m.If(taking):
                m.d.sync += commands[-1].eq(port.burst.payload)
            with m.If(wdata_free):
                m.d.sync += beats[-1].eq(port.wdata.payload)
            with m.If(~granted):
                m.d.sync += [commands[-1].eq(0), beats[-1].eq(0)]
        m.d.comb += [
            memory.burst.payload.eq(reduce(or_, (Value.cast(command) for command in commands))),
            memory.wdata.payload.eq(reduce(or_, beats)),
            memory.rdata.ready.eq(reduce(or_, (port.rdata.ready & granted
                                               for port, granted in zip(ports, grant)))),
        ]

        # A beat on its way to the memory.
        wdata_moves = Signal()
        m.d.comb += [
            wdata_free.eq(memory.wdata.ready | ~memory.wdata.valid),
            wdata_moves.eq(~over & wdata_free & reduce(or_, (
                port.wdata.valid & writes for port, writes in zip(ports, writing)))),
        ]
        with m.If(wdata_free):
            m.d.sync += memory.wdata.valid.eq(wdata_moves)

        # Beats moved, and two: so `last` says in time that only one is left.
        count = Signal(BURST_BEATS_WIDTH, init=2)
        last = Signal()
        moves = Signal()
        m.d.comb += moves.eq(wdata_moves | (memory.rdata.valid & memory.rdata.ready))
        m.d.sync += over.eq(moves & last)
        with m.If(moves):
            m.d.sync += [count.eq(count + 1), last.eq(count == memory.burst.p.beats)]
        with m.If(over):
            m.d.sync += writing.eq(0)
        with m.If(taking):
            m.d.sync += [count.eq(2), last.eq(0)]

        with m.FSM():
            with m.State("Choose"):
                higher = Const(0)
                for port, granted in zip(ports, grant):
                    m.d.sync += granted.eq(port.burst.valid & ~higher)
                    higher = higher | port.burst.valid
                with m.If(higher):
                    m.next = "Take"

            with m.State("Take"):
                m.d.comb += taking.eq(1)
                m.next = "Command"

            with m.State("Command"):
                m.d.comb += memory.burst.valid.eq(1)
                with m.If(memory.burst.ready):
                    m.next = "Read"
                    with m.If(memory.burst.p.beats == 0):
                        m.next = "Choose"
                    with m.Elif(memory.burst.p.write):
                        m.d.sync += writing.eq(grant)
                        m.next = "Write"

            with m.State("Read"):
                with m.If(over):
                    m.next = "Choose"

            with m.State("Write"):
                with m.If(memory.done):
                    m.next = "Choose"

        return m
