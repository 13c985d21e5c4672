"""The vector engine's pipeline: memories, arithmetic and write-back, one beat a clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .delay import delay
from .element_issue import element_layout
from .scalar_operands import FACTOR
from .slot_memory import SlotMemory
from .vector_command import Target, VectorCommand, more_shape
from .vector_lane import VectorLane

__all__ = ["VectorPipeline", "result_layout"]

#: Copies of the command at most, each a clock later than the one before.
_COMMANDS = 4


def result_layout(config):
    """Return the payload of a beat of results: values, and what came with the elements."""
    return data.StructLayout({
        "slot": range(config.slots), "dst": unsigned(18 - exact_log2(config.vector_lanes)),
        "values": data.ArrayLayout(signed(32), config.vector_lanes), "more": more_shape(config),
        "last": 1})


class VectorPipeline(wiring.Component):
    """Makes results of elements, and keeps those that stay: it holds the engine's memories.

    Nothing stalls. A beat is read, goes into registers, and through its lanes; the results are
    written to the memories by lane.

    Parameters
    ----------
    config : :class:`trine.firmware.config.Config`
        Slots and sizes of memories. The vector memory takes ``2 * slots * vector_words`` elements
        of 32 bits of block RAM, the state memory ``slots * state_words``; the constant memory
        ``constant_words`` of 16 bits.

    Members
    -------
    command : :py:`In(VectorCommand)`
        Constant from three clocks before the first element until the last result.
    fresh : :py:`In(config.slots)`
        Slots whose state INTERPOLATE reads as zero.
    element : :py:`In(stream)`
        Beats of elements; for FILL they are written at once and have no result. Always ready.
    slot, factor : :py:`Out(range(config.slots))`, :py:`In(FACTOR)`
        Slot of a beat that is under way, and its scalar in the next clock.
    result : :py:`Out(stream)`
        Results, in the clock in which they are written. The sink is always ready.
    filled : :py:`Out(1)`
        Strobe: the last constant of FILL is written.
    """

    #: Clocks from an element to its result.
    latency = SlotMemory.latency + 1 + VectorLane.latency

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "command": In(VectorCommand),
            "fresh": In(config.slots),
            "element": In(stream.Signature(element_layout(config), always_ready=True)),
            "slot": Out(range(config.slots)),
            "factor": In(FACTOR),
            "result": Out(stream.Signature(result_layout(config), always_ready=True)),
            "filled": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        lanes = config.vector_lanes
        m.submodules.vector = vector = SlotMemory(
            shape=signed(32), words=config.vector_words, slots=config.slots, reads=2, lanes=lanes)
        m.submodules.state = state = SlotMemory(
            shape=signed(32), words=config.state_words, slots=config.slots, lanes=lanes)
        m.submodules.constant = constant = SlotMemory(
            shape=unsigned(16), words=config.constant_words, lanes=lanes)

        # A register, because a command lies still before its first element comes.
        target = self.command.target
        filling, to_vector, to_state = Signal(), Signal(), Signal()
        m.d.sync += [
            filling.eq(target == Target.CONSTANT),
            to_vector.eq((target == Target.VECTOR) | (target == Target.RESIDUAL)),
            to_state.eq(target == Target.STATE),
        ]

        # Read. What came with the element goes along; it belongs to the result in the end.
        element, entering = self.element.p, Signal()
        fill = self.element.valid & filling
        m.d.comb += [
            entering.eq(self.element.valid & ~filling),
            constant.write.addr.eq(element.dst),
            constant.write.data.eq(element.fills),
            constant.write.en.eq(Cat(1, element.more) & fill.replicate(lanes)),
            self.filled.eq(fill & element.last),
        ]
        for memory, n, slot, addr in [
                (vector, 0, element.slot, element.a), (vector, 1, element.slot, element.b),
                (state, 0, element.state_slot, element.state), (constant, 0, 0, element.b)]:
            m.d.comb += [
                memory.read[n].slot.eq(slot if memory.slots > 1 else 0),
                memory.read[n].addr.eq(addr),
                memory.read[n].en.eq(1),
            ]
        read = SlotMemory.latency + 1
        valid = Signal(read)
        m.d.sync += valid.eq(Cat(entering, valid))
        fresh = delay(m, self.fresh.bit_select(element.slot, 1), read, name="fresh")

        # Lanes. The command goes from one to the next, so that each decodes it for itself: Yosys
        # would merge registers that are the same, and their fan-out be that of all lanes. For the
        # same reason the first lane alone knows when there is an element.
        command = self.command
        units = [VectorLane() for _ in range(lanes)]
        for n, lane in enumerate(units):
            if n and n % max(1, lanes // _COMMANDS) == 0:
                command = delay(m, command, 1, name=f"command_{n}")
            m.submodules[f"lane_{n}"] = lane
            m.d.comb += [
                lane.command.eq(command),
                lane.factor.eq(self.factor),
                lane.i.valid.eq(valid[-1] if n == 0 else 1),
                lane.i.p.fresh.eq(fresh),
                self.result.p.values[n].eq(lane.o.payload),
            ]
            for name, value, clocks in [
                    ("vector_a", vector.read[0].data[n], 1),
                    ("vector_b", vector.read[1].data[n], 1),
                    ("state", state.read[0].data[n], 1),
                    ("constant", constant.read[0].data[n], 1),
                    ("sum", element.sums[n], read),
                    ("load", element.loads[n], read)]:
                m.d.comb += lane.i.p[name].eq(delay(m, value, clocks, name=f"{name}_{n}"))
        m.d.comb += [
            self.slot.eq(delay(m, element.slot, read + VectorLane.factor_latency - 1, name="slot")),
            self.result.valid.eq(units[0].o.valid),
            *(self.result.p[name].eq(delay(m, element[name], self.latency, name=f"result_{name}"))
              for name in ("slot", "dst", "more", "last")),
        ]

        # Write.
        there = Cat(1, self.result.p.more)
        for port, en in [(vector.write, to_vector), (state.write, to_state)]:
            m.d.comb += [
                port.slot.eq(self.result.p.slot),
                port.addr.eq(self.result.p.dst),
                port.data.eq(self.result.p.values),
                port.en.eq(there & (self.result.valid & en).replicate(lanes)),
            ]

        return m
