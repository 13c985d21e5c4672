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
        Constant from the clock before ``start`` on, until the last element is issued.
    start : :py:`In(1)`
        Strobe: begin.
    slots : :py:`In(config.slots)`
        Slots that take part, at least one, with ``start``.
    scaled : :py:`In(1)`
        Elements wait for their slot's bit in ``loaded``, and sums for ``all_loaded``. Constant
        like the command.
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
    latency = 2

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

        # What the command means, in registers; where the addresses count from.
        command = self.command
        filling, summing, loading, counting = Signal(), Signal(), Signal(), Signal()
        interpolating, single = Signal(), Signal()
        base_a = Signal.like(command.a, reset_less=True)
        base_dst = Signal.like(command.dst, reset_less=True)
        streams = command.target == Target.CONSTANT
        m.d.sync += [
            filling.eq(streams),
            summing.eq((command.a_source == ASource.SUMS) & ~streams),
            loading.eq((command.a_source == ASource.LOADS) & ~streams),
            counting.eq(~streams & (command.a_source != ASource.SUMS)
                        & (command.a_source != ASource.LOADS)),
            interpolating.eq(command.op == Op.INTERPOLATE),
            single.eq(command.length == 1),
            base_a.eq(Mux(command.target == Target.RESIDUAL, command.dst, command.a)),
            base_dst.eq(Mux(command.target == Target.LOGITS, 0, command.dst)),
        ]

        # An index, and the two behind it: what is compared is known two elements ahead.
        issuing, todo = Signal(), Signal(self.config.slots)
        count, second, third = (Signal(18, name=name, reset_less=True)
                                for name in ("count", "second", "third"))
        count_last = Signal()
        slot, bit = lowest(todo)

        there, free, last = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq(issuing & ~self.hold),
            self.fill.ready.eq(free & filling),
            self.sums.ready.eq(free & summing & self.all_loaded),
            self.loads.ready.eq(free & loading),
            there.eq((self.fill.valid & self.fill.ready) | (self.sums.valid & self.sums.ready)
                     | (self.loads.valid & self.loads.ready)
                     | (free & counting & (~self.scaled | self.loaded.bit_select(slot, 1)))),
            last.eq(Mux(summing, self.sums.p.last, count_last & (todo == bit))),
        ]
        with m.If(there):
            m.d.sync += [count.eq(second), second.eq(third), third.eq(third + 1),
                         count_last.eq(third == command.length)]
            with m.If(last):
                m.d.sync += issuing.eq(0)
            with m.If(count_last):
                m.d.sync += todo.eq(todo & ~bit)
        with m.If(self.start):
            m.d.sync += [issuing.eq(1), todo.eq(self.slots)]
        with m.If(self.start | (there & count_last)):
            m.d.sync += [count.eq(0), second.eq(1), third.eq(2), count_last.eq(single)]

        # The element's index, and what came with it.
        index = Signal(18, reset_less=True)
        beside = Signal(element_layout(self.config), reset_less=True)
        issued = Signal()
        m.d.sync += [
            issued.eq(there),
            index.eq(Mux(summing, self.sums.p.row, count)),
            beside.slot.eq(Mux(summing, self.sums.p.slot, slot)),
            beside.last.eq(last),
            beside.sum.eq(self.sums.p.sum),
            beside.load.eq(self.loads.payload),
            beside.fill.eq(self.fill.payload),
        ]

        # Its addresses.
        element = self.element.p
        a = Signal(16)
        m.d.comb += a.eq(base_a + index)
        m.d.sync += [
            self.element.valid.eq(issued),
            *(element[name].eq(beside[name]) for name in ("slot", "last", "sum", "load", "fill")),
            element.a.eq(a),
            element.b.eq(command.b + index),
            element.state.eq(Mux(interpolating, command.dst + index, a)),
            element.dst.eq(base_dst + index),
        ]

        return m
