"""Memory mover: LOAD and STORE, between the memory's burst port and the vector engine."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.registers import TOKEN_BITS

from .element_loader import ElementLoader
from .link.memory_port import BurstSignature
from .skid_buffer import SkidBuffer

__all__ = ["MemoryMover", "MoverCommand"]


#: Fields of LOAD and STORE that the mover needs, as wide as the instruction has them.
_FIELDS = ("wide", "shift", "length", "base", "token_stride", "slot_stride", "position_stride")


class MoverCommand(data.StructLayout):
    """Payload: a LOAD, or a STORE where ``write``, with the instruction's own fields."""

    def __init__(self):
        bits = {field.name: field.bits for field in INSTRUCTIONS[Opcode.LOAD].fields}
        super().__init__({"write": 1, **{name: bits[name] for name in _FIELDS}})


class MemoryMover(wiring.Component):
    """Moves vectors of every active slot between memory and streams of elements.

    For each active slot, in order, the address of the first beat is base + slot * slot_stride
    + token * token_stride + position * position_stride, one bit of a factor a clock. Bursts are
    whole: what a LOAD finds behind its elements is dropped, a STORE fills with zeros. LOAD moves
    half an int32, or an int16, in a clock; STORE pauses for a clock after each beat.

    Golden: :mod:`trine.sim.golden.memory_mover`.

    Parameters
    ----------
    config : :class:`Config`
        Sizes of slots and memory.

    Members
    -------
    command : :py:`In(stream.Signature(MoverCommand()))`
        ``ready`` is high exactly while nothing is under way: every element loaded was taken, and
        all that was stored is in memory.
    active : :py:`In(config.slots)`
        Slots that take part; constant during a command.
    slot : :py:`Out(range(config.slots))`
        Slot whose token and position are asked for.
    token : :py:`In(TOKEN_BITS)`
        The slot's input token, combinational.
    position : :py:`In(32)`
        The slot's position, combinational.
    loads : :py:`Out(stream.Signature(signed(32)))`
        Elements of LOAD: int16 or int32, shifted left and saturated.
    stores : :py:`In(stream.Signature(signed(32)))`
        Elements of STORE; without ``wide`` the lower 16 bits are kept.
    memory : :py:`Out(BurstSignature(...))`
        The memory's burst port.
    busy : :py:`Out(1)`
        High while a command is under way.
    """

    #: Most beats of one burst command.
    CHUNK = 1024

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "command": In(stream.Signature(MoverCommand())),
            "active": In(config.slots),
            "slot": Out(range(config.slots)),
            "token": In(TOKEN_BITS),
            "position": In(32),
            "loads": Out(stream.Signature(signed(32))),
            "stores": In(stream.Signature(signed(32))),
            "memory": Out(BurstSignature(beat_bytes=config.memory_bytes,
                                         addr_width=config.addr_width)),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config, memory = self.config, self.memory
        halves = config.memory_bytes // 2
        burst_bits = exact_log2(config.burst_bytes // 2)
        chunk_bits = exact_log2(self.CHUNK * halves)
        addr_width = config.addr_width

        command = Signal(MoverCommand())
        slot = Signal(range(config.slots))
        m.d.comb += self.slot.eq(slot)

        # The address: a sum of terms, factor times stride. Each term has registers of its own,
        # cleared while another one is wanted, so that no multiplexer is needed.
        address = Signal(addr_width)
        stride, factor = Signal(addr_width), Signal(addr_width)
        terms = [(C(1), command.base), (slot, command.slot_stride),
                 (self.token, command.token_stride), (self.position, command.position_stride),
                 (C(1), C(self.CHUNK))]
        term = Signal(len(terms), init=1)  # one-hot; the last one leads to the next chunk
        chosen = Signal(len(terms))
        next_stride, next_factor = stride << 1, factor >> 1
        for number, (value, step) in enumerate(terms):
            chosen_stride = Signal(addr_width, name=f"stride_{number}")
            chosen_factor = Signal(min(addr_width, len(value)), name=f"factor_{number}")
            m.d.sync += [chosen_stride.eq(step), chosen_factor.eq(value)]
            with m.If(~chosen[number]):
                m.d.sync += [chosen_stride.eq(0), chosen_factor.eq(0)]
            next_stride, next_factor = next_stride | chosen_stride, next_factor | chosen_factor
        m.d.sync += [stride.eq(next_stride), factor.eq(next_factor), chosen.eq(0)]

        # Where a slot stands: `ahead` is the number of the half at hand, from 1 on. A chunk ends
        # at a multiple of its size, a slot with the burst that has its last element.
        total = Signal(17)
        empty = Signal()
        rest = Signal(range(self.CHUNK // config.burst_beats + 1))  # bursts of the last chunk
        ahead = Signal(17, init=1)
        in_last_chunk, at_end, ended = Signal(), Signal(), Signal()
        chunk_done, slot_done = Signal(), Signal()
        step = Signal()
        last_lane = ahead[:exact_log2(halves)] == 0
        m.d.comb += [
            in_last_chunk.eq(ahead[chunk_bits:] == total[chunk_bits:]),
            at_end.eq(in_last_chunk & (ahead[:chunk_bits] == total[:chunk_bits])),
            memory.burst.p.addr.eq(address),
            memory.burst.p.beats.eq(Mux(in_last_chunk, rest * config.burst_beats, self.CHUNK)),
            memory.burst.p.write.eq(command.write),
        ]
        with m.If(step):
            m.d.sync += ahead.eq(ahead + 1)
            with m.If(at_end):
                m.d.sync += ended.eq(1)
            with m.If(ahead[:burst_bits] == 0):
                m.d.sync += slot_done.eq(ended | at_end)
                m.d.sync += chunk_done.eq(ended | at_end | (ahead[:chunk_bits] == 0))

        # LOAD: beats, of which two can wait, to halves, to elements. The border is there because
        # the way from the vector engine is long, and all of the loader waits for it.
        m.submodules.loader = loader = ElementLoader()
        m.submodules.border = border = SkidBuffer(signed(32))
        connect(m, loader.o, border.i)
        connect(m, border.o, flipped(self.loads))
        reading = Signal()
        read = Signal()
        beat, spare = Signal(8 * config.memory_bytes), Signal(8 * config.memory_bytes)
        here, spare_here = Signal(), Signal()
        m.d.comb += [
            loader.wide.eq(command.wide),
            loader.shift.eq(command.shift),
            loader.i.payload.eq(beat[:16]),
            loader.i.valid.eq(reading & here & ~ended),
            read.eq(reading & here & loader.i.ready),
            memory.rdata.ready.eq(~spare_here),
        ]
        with m.If(read):
            m.d.sync += beat.eq(beat >> 16)
        with m.If(~spare_here):
            m.d.sync += spare.eq(memory.rdata.payload)
        with m.If(~here | (read & last_lane)):
            m.d.sync += [beat.eq(Mux(spare_here, spare, memory.rdata.payload)),
                         here.eq(spare_here | memory.rdata.valid), spare_here.eq(0)]
        with m.Elif(memory.rdata.valid):
            m.d.sync += spare_here.eq(1)

        # STORE: elements to halves to beats.
        writing = Signal()
        wrote = Signal()
        high = Signal(16)
        has_high = Signal()
        half = Signal(16)
        half_here = Signal()
        room = Signal()
        m.d.comb += [room.eq(writing & ~memory.wdata.valid), wrote.eq(room & half_here)]
        with m.If(has_high):
            m.d.comb += [half.eq(high), half_here.eq(1)]
        with m.Elif(ended):
            m.d.comb += half_here.eq(1)
        with m.Else():
            m.d.comb += [half.eq(self.stores.payload), half_here.eq(self.stores.valid),
                         self.stores.ready.eq(room)]
        with m.If(wrote):
            m.d.sync += [
                memory.wdata.payload.eq(Cat(memory.wdata.payload, half) >> 16),
                memory.wdata.valid.eq(last_lane),
                high.eq(self.stores.payload >> 16),
                has_high.eq(command.wide & ~has_high & ~ended),
            ]
        with m.Elif(memory.wdata.ready):
            m.d.sync += memory.wdata.valid.eq(0)
        m.d.comb += step.eq(read | wrote)

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("Take-Command"):
                m.d.comb += [self.command.ready.eq(1), self.busy.eq(0)]
                m.d.sync += [command.eq(self.command.p), slot.eq(0)]
                m.d.sync += total.eq(self.command.p.length << self.command.p.wide)
                with m.If(self.command.valid):
                    m.next = "Measure"

            with m.State("Measure"):
                m.d.sync += empty.eq(total == 0)
                m.d.sync += rest.eq(total[burst_bits:chunk_bits] + total[:burst_bits].any())
                m.next = "Find-Slot"

            with m.State("Find-Slot"):
                m.d.sync += [address.eq(0), term.eq(1), ahead.eq(1), ended.eq(0), slot_done.eq(0)]
                m.next = "Finish-Slot"
                with m.If(self.active.bit_select(slot, 1) & ~empty):
                    m.next = "Take-Term"

            with m.State("Take-Term"):
                m.d.sync += [chosen.eq(term), chunk_done.eq(0)]
                m.next = "Clear-Term"

            with m.State("Clear-Term"):
                m.d.sync += stride.eq(0)
                m.next = "Load-Term"

            with m.State("Load-Term"):
                m.next = "Multiply"

            with m.State("Multiply"):
                with m.If(factor[0]):
                    m.d.sync += address.eq(address + stride)
                with m.If(factor == 0):
                    m.d.sync += term.eq(Cat(C(0, 1), term[:-2], term[-2:].any()))
                    m.next = "Take-Term"
                    with m.If(term[-2:].any()):
                        m.next = "Request-Chunk"

            with m.State("Request-Chunk"):
                m.d.comb += memory.burst.valid.eq(1)
                with m.If(memory.burst.ready):
                    m.next = "Read"
                    with m.If(command.write):
                        m.next = "Write"

            for name, moving, done in (("Read", reading, chunk_done),
                                       ("Write", writing, memory.done)):
                with m.State(name):
                    m.d.comb += moving.eq(~chunk_done)
                    with m.If(done):
                        m.next = "Take-Term"
                        with m.If(slot_done):
                            m.next = "Finish-Slot"

            with m.State("Finish-Slot"):
                m.d.sync += slot.eq(slot + 1)
                m.next = "Find-Slot"
                with m.If(slot == config.slots - 1):
                    m.next = "Finish-Command"

            with m.State("Finish-Command"):
                with m.If(loader.idle & ~border.o.valid):
                    m.next = "Take-Command"

        return m
