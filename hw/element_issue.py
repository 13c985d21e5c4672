"""The order of the elements of a vector command, and their addresses."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .delay import delay
from .slot_walk import SlotWalk
from .vector_command import ASource, Op, Target, VectorCommand, more_shape, sum_layout

__all__ = ["ElementIssue", "element_layout"]


def element_layout(config):
    """Return the payload of a beat of elements: where operands lie and results go, in rows."""
    lanes = config.vector_lanes
    row_bits = 18 - exact_log2(lanes)
    return data.StructLayout({
        "slot": range(config.slots),
        #: Rows of the vector memory's two read ports and of the state memory.
        "a": range(config.vector_words // lanes),
        "b": unsigned(16),
        "state": range(config.state_words // lanes),
        #: Slot whose state is read.
        "state_slot": range(config.slots),
        #: Row of the result; for LOGITS the row of the matrix, by lanes.
        "dst": unsigned(row_bits),
        #: What came in the streams, of which the command means one.
        "sums": data.ArrayLayout(signed(config.acc_width), lanes),
        "loads": data.ArrayLayout(signed(32), lanes),
        "fills": data.ArrayLayout(unsigned(16), lanes),
        "more": more_shape(config),
        "last": 1,
    })


class ElementIssue(wiring.Component):
    """Counts the elements of a command, slot by slot, or takes them as the sums come.

    A beat is issued in a clock in which its stream operands and its slot's scalar are there and
    ``hold`` is low. It is not held up from then on. Loads and constants come one element a clock,
    and are put together. LOGITS and STORES, which leave one element a clock, are issued one beat in
    as many clocks as there are lanes.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from the clock before ``start`` on, until the last element is issued. Addresses of
        elements are multiples of ``vector_lanes``.
    start : :py:`In(1)`
        Strobe: begin.
    slots : :py:`In(config.slots)`
        Slots that take part, at least one, with ``start``.
    scaled : :py:`In(1)`
        Elements wait for their slot's scalar, and sums for ``all_loaded``. Constant like the
        command.
    loaded : :py:`In(1)`
        Strobe: one more slot's scalar is there, in the order of slots.
    all_loaded : :py:`In(1)`
        They are all there.
    chained : :py:`In(1)`
        INTERPOLATE reads the state of the slot before: of ``source`` for the first slot, then of
        each slot for the next. Constant like the command.
    source : :py:`In(range(config.slots))`
        See ``chained``.
    hold : :py:`In(1)`
        Issue nothing. With one slot it makes no difference who is read.
    slot_ends : :py:`Out(1)`
        Strobe: the last element of a slot is issued; not with sums.
    sums, loads, fill : :py:`In(stream)`
        Stream operands.
    element : :py:`Out(stream)`
        Beats of elements. The sink is always ready.
    """

    #: Clocks from a beat's last stream operand, or from `start` and one, to the beat.
    latency = 2

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(VectorCommand),
            "start": In(1),
            "slots": In(config.slots),
            "scaled": In(1),
            "loaded": In(1),
            "all_loaded": In(1),
            "chained": In(1),
            "source": In(range(config.slots)),
            "hold": In(1),
            "slot_ends": Out(1),
            "sums": In(stream.Signature(sum_layout(config))),
            "loads": In(stream.Signature(signed(32))),
            "fill": In(stream.Signature(unsigned(16))),
            "element": Out(stream.Signature(element_layout(config), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        # What the command means, in registers; where the rows count from.
        command = self.command
        lanes = self.config.vector_lanes
        lane_bits = exact_log2(lanes)
        filling, summing, loading, counting = Signal(), Signal(), Signal(), Signal()
        interpolating, single, paced = Signal(), Signal(), Signal()
        base_a = Signal(16 - lane_bits, reset_less=True)
        base_dst = Signal.like(base_a)
        streams = command.target == Target.CONSTANT
        length = command.length + (lanes - 1)
        m.d.sync += [
            filling.eq(streams),
            summing.eq((command.a_source == ASource.SUMS) & ~streams),
            loading.eq((command.a_source == ASource.LOADS) & ~streams),
            counting.eq(~streams & (command.a_source != ASource.SUMS)
                        & (command.a_source != ASource.LOADS)),
            paced.eq((command.target == Target.LOGITS) | (command.target == Target.STORES)),
            interpolating.eq(command.op == Op.INTERPOLATE),
            single.eq(length[lane_bits:] == 1),
            base_a.eq(Mux(command.target == Target.RESIDUAL, command.dst, command.a) >> lane_bits),
            base_dst.eq(Mux(command.target == Target.LOGITS, 0, command.dst) >> lane_bits),
        ]
        # Beats of a vector, and the last lane of the last one. With one lane nothing is computed.
        beats = delay(m, length[lane_bits:], 1 if lanes > 1 else 0, name="beats")
        last_lane = delay(m, length[:lane_bits], 1, name="last_lane")

        # An index, and the two behind it: what is compared is known two elements ahead.
        issuing = Signal()
        count, second, third = (Signal(18 - lane_bits, name=name, reset_less=True)
                                for name in ("count", "second", "third"))
        count_last = Signal()
        lane, pause = Signal(lane_bits), Signal(lanes - 1)
        m.submodules.walk = walk = SlotWalk(slots=self.config.slots)

        # Slots whose scalar is there and whose elements are not all issued, less one: the sign is
        # the answer.
        ahead = Signal(range(-1, self.config.slots), init=-1)
        with m.If(self.loaded != self.slot_ends):
            m.d.sync += ahead.eq(Mux(self.loaded, ahead + 1, ahead - 1))
        with m.If(self.start):
            m.d.sync += ahead.eq(-1)

        there, free, piece, whole, last = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq(issuing & ~self.hold & ~pause[:1].any()),
            self.fill.ready.eq(free & filling),
            self.sums.ready.eq(free & summing & self.all_loaded),
            self.loads.ready.eq(free & loading),
            piece.eq((self.fill.valid & self.fill.ready) | (self.loads.valid & self.loads.ready)),
            whole.eq((lane == lanes - 1) | (count_last & (lane == last_lane))),
            there.eq((piece & whole) | (self.sums.valid & self.sums.ready)
                     | (free & counting & (~self.scaled | ~ahead[-1]))),
            last.eq(Mux(summing, self.sums.p.last, count_last & walk.last)),
        ]
        m.d.sync += pause.eq(Mux(there & paced, -1, pause >> 1))
        with m.If(piece):
            m.d.sync += lane.eq(Mux(whole, 0, lane + 1))
        with m.If(there):
            m.d.sync += [count.eq(second), second.eq(third), third.eq(third + 1),
                         count_last.eq(third == beats)]
            with m.If(last):
                m.d.sync += issuing.eq(0)
        with m.If(self.start):
            m.d.sync += issuing.eq(1)
        with m.If(self.start | (there & count_last)):
            m.d.sync += [count.eq(0), second.eq(1), third.eq(2), count_last.eq(single)]

        # Whose state is read.
        before, others_state = Signal.like(walk.slot), Signal()
        m.d.comb += [
            self.slot_ends.eq(there & count_last),
            walk.begin.eq(self.start),
            walk.mask.eq(self.slots),
            walk.step.eq(self.slot_ends),
        ]
        m.d.sync += others_state.eq(self.chained & (command.op == Op.INTERPOLATE))
        with m.If(self.start):
            m.d.sync += before.eq(self.source)
        with m.Elif(self.slot_ends):
            m.d.sync += before.eq(walk.slot)

        # The beat's index, and what came with it.
        index = Signal(18 - lane_bits, reset_less=True)
        beside = Signal(element_layout(self.config), reset_less=True)
        issued = Signal()
        ends = Cat(last_lane >= n for n in range(1, lanes))
        m.d.sync += [
            issued.eq(there),
            index.eq(Mux(summing, self.sums.p.row >> lane_bits, count)),
            beside.slot.eq(Mux(summing, self.sums.p.slot, walk.slot)),
            beside.state_slot.eq(Mux(others_state, before, walk.slot)),
            beside.last.eq(last),
            beside.more.eq(Mux(summing, self.sums.p.more, Mux(count_last, ends, -1))),
            beside.sums.eq(self.sums.p.sums),
        ]
        for n in range(lanes):
            with m.If(lane == n):
                m.d.sync += [beside.loads[n].eq(self.loads.payload),
                             beside.fills[n].eq(self.fill.payload)]

        # Its rows.
        element = self.element.p
        a = Signal.like(base_a)
        m.d.comb += a.eq(base_a + index)
        m.d.sync += [
            self.element.valid.eq(issued),
            *(element[name].eq(beside[name])
              for name in ("slot", "state_slot", "last", "more", "sums", "loads", "fills")),
            element.a.eq(a),
            element.b.eq((command.b >> lane_bits) + index),
            element.state.eq(Mux(interpolating, (command.dst >> lane_bits) + index, a)),
            element.dst.eq(base_dst + index),
        ]

        return m
