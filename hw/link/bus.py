"""The register bus: the host's view of the core, and the decoder that divides it."""

import functools
import operator

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.protocol import ADDRESS_SPACE

__all__ = ["BusDecoder", "RegisterBus", "Request"]


class Request(data.Struct):
    """One access: ``addr`` counts 32-bit words, ``data`` matters where ``write`` is set."""

    addr: range(ADDRESS_SPACE)
    write: 1
    data: 32


#: The register bus, seen from the initiator. A read is answered by one reply, a write by none.
#: Replies come in the order of the reads. A responder takes every request and answers every read
#: within bounded time, whatever the host does: it never waits for a queue that the host must fill
#: or drain, else the link itself would wait.
RegisterBus = wiring.Signature({
    "request": Out(stream.Signature(Request)),
    "reply": In(stream.Signature(32)),
})


class BusDecoder(wiring.Component):
    """Divides the register bus by address ranges.

    One access is under way at a time. What no range holds reads 0, and writes to it are dropped.

    Parameters
    ----------
    ranges : :class:`dict`
        For each sub-bus, by name, its first address and its size in words. The size is a power of
        two, and the first address a multiple of it.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Towards the host.
    <name> : :py:`Out(RegisterBus)`
        One for each range. Addresses begin at 0.

    Raises
    ------
    ValueError
        Where a range is not aligned, or two overlap.
    """

    #: Cycles from a request to the request on the sub-bus, and from reply to reply.
    latency = 2

    def __init__(self, ranges):
        taken = {}
        for name, (first, size) in ranges.items():
            if size < 1 or size & (size - 1) or first % size or not 0 <= first < ADDRESS_SPACE:
                raise ValueError(f"Address range {name!r} must have a power of two as its size and "
                                 f"begin at a multiple of it, not {first:#x} and {size:#x}")
            for other, (low, high) in taken.items():
                if first < high and low < first + size:
                    raise ValueError(f"Address ranges {other!r} and {name!r} overlap")
            taken[name] = first, first + size
        self.ranges = dict(ranges)
        super().__init__({"bus": In(RegisterBus), **{name: Out(RegisterBus) for name in ranges}})

    def elaborate(self, platform):
        m = Module()

        request = Signal(Request)
        word = Signal(32)

        selects, stages = {}, {}
        for name, (first, size) in self.ranges.items():
            sub = getattr(self, name)
            selects[name] = Signal(name=f"select_{name}")
            stages[name] = Signal(32, name=f"stage_{name}", reset_less=True)
            # Ranges are aligned: the upper bits select, the lower are the address within.
            m.d.sync += selects[name].eq((request.addr & -size & (ADDRESS_SPACE - 1)) == first)
            m.d.comb += [
                sub.request.p.addr.eq(request.addr & (size - 1)),
                sub.request.p.write.eq(request.write),
                sub.request.p.data.eq(request.data),
            ]
            # A register that is reset where its range is not meant needs no multiplexer behind it.
            m.d.sync += stages[name].eq(sub.reply.payload)
            with m.If(~selects[name]):
                m.d.sync += stages[name].eq(0)

        m.d.comb += self.bus.reply.payload.eq(word)

        with m.FSM():
            with m.State("Take-Request"):
                m.d.comb += self.bus.request.ready.eq(1)
                with m.If(self.bus.request.valid):
                    m.d.sync += request.eq(self.bus.request.p)
                    m.next = "Select"

            with m.State("Select"):
                m.next = "Forward-Request"

            with m.State("Forward-Request"):
                none = ~Cat(selects.values()).any()
                taken = Signal()
                m.d.comb += taken.eq(none | Cat(
                    selects[name] & getattr(self, name).request.ready for name in selects).any())
                for name, select in selects.items():
                    m.d.comb += getattr(self, name).request.valid.eq(select)
                with m.If(taken & request.write):
                    m.next = "Take-Request"
                with m.Elif(taken):
                    m.next = "Await-Reply"
                    with m.If(none):
                        m.next = "Gather-Reply"

            with m.State("Await-Reply"):
                for name, select in selects.items():
                    m.d.comb += getattr(self, name).reply.ready.eq(select)
                with m.If(Cat(selects[name] & getattr(self, name).reply.valid
                              for name in selects).any()):
                    m.next = "Gather-Reply"

            with m.State("Gather-Reply"):
                m.d.sync += word.eq(functools.reduce(operator.or_, stages.values(), C(0, 32)))
                m.next = "Return-Reply"

            with m.State("Return-Reply"):
                m.d.comb += self.bus.reply.valid.eq(1)
                with m.If(self.bus.reply.ready):
                    m.next = "Take-Request"

        return m
