"""The order of the elements of a vector command, and their addresses."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .lowest import lowest
from .vector_command import ASource, Op, Target, VectorCommand, sum_layout

__all__ = ["ElementIssue", "element_layout"]


def element_layout(config):
    """Return the payload of an element: its slot, where its operands lie and its result goes."""
    return data.StructLayout({
        "slot": range(config.slots),
        #: Read addresses of the vector memory's two ports and of the state memory.
        "a": range(config.vector_words),
        "b": unsigned(16),
        "state": range(config.state_words),
        #: Address of the result; for LOGITS the row.
        "dst": unsigned(18),
        #: What came in the streams, of which the command means one.
        "sum": signed(config.acc_width),
        "load": signed(32),
        "fill": unsigned(16),
        "last": 1,
    })


class ElementIssue(wiring.Component):
    """Counts the elements of a command, slot by slot, or takes them as the sums come.

    An element is issued in a clock in which its stream operand and its slot's scalar are there and
    ``hold`` is low. It is not held up from then on.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from the clock after ``start`` on, until the last element is issued.
    start : :py:`In(1)`
        Strobe: begin with the command that is offered in the next clock.
    slots : :py:`In(config.slots)`
        Slots that take part, at least one, with ``start``.
    scaled : :py:`In(1)`
        Elements wait for their slot's bit in ``loaded``, and sums for ``all_loaded``.
    loaded, all_loaded : :py:`In(config.slots)`, :py:`In(1)`
        Slots whose scalar is there.
    hold : :py:`In(1)`
        Issue nothing.
    sums, loads, fill : :py:`In(stream)`
        Stream operands.
    element : :py:`Out(stream)`
        Elements. The sink is always ready.
    """

    #: Clocks from an element's stream operand, or from `start` and one, to the element.
    latency = 1

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(VectorCommand),
            "start": In(1),
            "slots": In(config.slots),
            "scaled": In(1),
            "loaded": In(config.slots),
            "all_loaded": In(1),
            "hold": In(1),
            "sums": In(stream.Signature(sum_layout(config))),
            "loads": In(stream.Signature(signed(32))),
            "fill": In(stream.Signature(unsigned(16))),
            "element": Out(stream.Signature(element_layout(config), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        command, element = self.command, self.element.p
        filling, summing, loading = Signal(), Signal(), Signal()
        m.d.comb += [
            filling.eq(command.target == Target.CONSTANT),
            summing.eq((command.a_source == ASource.SUMS) & ~filling),
            loading.eq((command.a_source == ASource.LOADS) & ~filling),
        ]

        issuing, todo = Signal(), Signal(self.config.slots)
        count, following = Signal(18, reset_less=True), Signal(18, reset_less=True)
        slot, bit = lowest(todo)
        count_last = Signal()
        m.d.comb += count_last.eq(following == command.length)

        # Where the next element is, and what its addresses count from.
        there, free, last = Signal(), Signal(), Signal()
        index = Signal(18)
        m.d.comb += [
            free.eq(issuing & ~self.hold),
            there.eq(free & (~self.scaled | self.loaded.bit_select(slot, 1))),
            last.eq(count_last & (todo == bit)),
            index.eq(count),
        ]
        with m.If(filling):
            m.d.comb += [there.eq(self.fill.valid & free), self.fill.ready.eq(free)]
        with m.Elif(summing):
            ready = free & self.all_loaded
            m.d.comb += [there.eq(self.sums.valid & ready), self.sums.ready.eq(ready),
                         last.eq(self.sums.p.last), index.eq(self.sums.p.row)]
        with m.Elif(loading):
            m.d.comb += [there.eq(self.loads.valid & free), self.loads.ready.eq(free)]

        with m.If(there):
            m.d.sync += [count.eq(following), following.eq(following + 1)]
            with m.If(count_last & ~summing):
                m.d.sync += [count.eq(0), following.eq(1), todo.eq(todo & ~bit)]
            with m.If(last):
                m.d.sync += issuing.eq(0)
        with m.If(self.start):
            m.d.sync += [issuing.eq(1), count.eq(0), following.eq(1), todo.eq(self.slots)]

        m.d.sync += self.element.valid.eq(there)
        with m.If(there):
            residual = command.target == Target.RESIDUAL
            interpolating = command.op == Op.INTERPOLATE
            m.d.sync += [
                element.slot.eq(Mux(summing, self.sums.p.slot, slot)),
                element.a.eq(Mux(residual, command.dst, command.a) + index),
                element.b.eq(command.b + index),
                element.state.eq(Mux(interpolating, command.dst, command.a) + index),
                element.dst.eq(Mux(command.target == Target.LOGITS, 0, command.dst) + index),
                element.last.eq(last),
                element.sum.eq(self.sums.p.sum),
                element.load.eq(self.loads.payload),
                element.fill.eq(self.fill.payload),
            ]

        return m
