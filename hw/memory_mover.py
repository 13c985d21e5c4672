"""Memory mover: LOAD and STORE, between the memory's burst port and the vector engine."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.registers import TOKEN_BITS

from .link.memory_port import BurstSignature

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
    + token * token_stride + position * position_stride, one bit of the factors a clock. Bursts
    are whole: what a LOAD finds behind its elements is dropped, a STORE fills with zeros. Half an
    int32, or an int16, moves in a clock.

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
                                         addr_width=exact_log2(config.memory_beats))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        addr_width = exact_log2(config.memory_beats)
        halves = config.memory_bytes // 2
        burst_halves = config.burst_bytes // 2
        memory = self.memory

        command = Signal(MoverCommand())
        total_halves = Signal(17)
        total_bursts = Signal(17)
        slot = Signal(range(config.slots))
        m.d.comb += self.slot.eq(slot)

        # The address: one factor after the other, one bit a clock.
        address = Signal(addr_width)
        addend = Signal(addr_width)
        factor = Signal(32)
        term = Signal(range(4))
        terms = ((slot, command.slot_stride), (self.token, command.token_stride),
                 (self.position, command.position_stride))

        # Beats of the slot not yet commanded, beats of the command not yet moved, and halves of
        # elements not yet moved.
        beats_left = Signal(range((1 << 17) + config.burst_beats))
        chunk_left = Signal(range(self.CHUNK + 1))
        halves_left = Signal(17)
        chunk = Mux(beats_left >= self.CHUNK, self.CHUNK, beats_left)
        m.d.comb += [
            memory.burst.p.addr.eq(address),
            memory.burst.p.beats.eq(chunk),
            memory.burst.p.write.eq(command.write),
        ]

        # LOAD: beat -> half -> element -> shifted, in two steps -> saturated. Stalls as a whole.
        advance = Signal()
        beat = Signal(8 * config.memory_bytes)
        beat_halves = Signal(range(halves + 1))
        low = Signal(16)
        has_low = Signal()
        element = Signal(signed(32))
        part = Signal(signed(32))  # shifted by a multiple of 8
        shifted = Signal(signed(32))
        valids = Signal(3)
        lost = Signal(2)  # of part and shifted: the value left int32
        reading = Signal()
        m.d.comb += advance.eq(~self.loads.valid | self.loads.ready)
        m.d.comb += memory.rdata.ready.eq(
            reading & ((beat_halves == 0) | ((beat_halves == 1) & advance)))

        with m.If(advance):
            m.d.sync += valids.eq(valids << 1)
            with m.If(beat_halves != 0):
                m.d.sync += [beat.eq(beat >> 16), beat_halves.eq(beat_halves - 1)]
                with m.If(halves_left != 0):
                    m.d.sync += halves_left.eq(halves_left - 1)
                    with m.If(command.wide & ~has_low):
                        m.d.sync += [low.eq(beat[:16]), has_low.eq(1)]
                    with m.Else():
                        m.d.sync += has_low.eq(0)
                        m.d.sync += element.eq(beat[:16].as_signed())
                        with m.If(command.wide):
                            m.d.sync += element.eq(Cat(low, beat[:16]))
                        m.d.sync += valids[0].eq(1)

            coarse, coarse_lost = self._shift_left(m, element, command.shift[3:], 3, "coarse")
            fine, fine_lost = self._shift_left(m, part, command.shift[:3], 0, "fine")
            signs = Signal(2)
            m.d.sync += [
                part.eq(coarse),
                lost[0].eq(coarse_lost),
                signs.eq(Cat(element < 0, signs)),
                shifted.eq(fine),
                lost[1].eq(lost[0] | fine_lost),
                self.loads.valid.eq(valids[2]),
                self.loads.payload.eq(shifted),
            ]
            with m.If(lost[1]):
                m.d.sync += self.loads.payload.eq(Mux(signs[1], -(1 << 31), (1 << 31) - 1))

        with m.If(memory.rdata.valid & memory.rdata.ready):
            m.d.sync += [beat.eq(memory.rdata.payload), beat_halves.eq(halves),
                         chunk_left.eq(chunk_left - 1)]

        # STORE: element -> half -> beat.
        writing = Signal()
        high = Signal(16)
        has_high = Signal()
        lane = Signal(range(halves))
        gathered = Signal(8 * config.memory_bytes)
        half = Signal(16)
        half_here = Signal()
        whole = Signal(8 * config.memory_bytes)
        last_lane = lane == halves - 1
        room = Signal()
        m.d.comb += [
            room.eq(writing & (~last_lane | ~memory.wdata.valid | memory.wdata.ready)),
            whole.eq(Cat(gathered, half) >> 16),
        ]
        with m.If(has_high):
            m.d.comb += [half.eq(high), half_here.eq(1)]
        with m.Elif(halves_left == 0):
            m.d.comb += half_here.eq(1)
        with m.Else():
            m.d.comb += [half.eq(self.stores.payload), half_here.eq(self.stores.valid),
                         self.stores.ready.eq(room)]
        with m.If(memory.wdata.ready):
            m.d.sync += memory.wdata.valid.eq(0)
        with m.If(room & half_here):
            m.d.sync += [gathered.eq(whole), lane.eq(lane + 1), has_high.eq(0)]
            with m.If(halves_left != 0):
                m.d.sync += halves_left.eq(halves_left - 1)
                with m.If(command.wide & ~has_high):
                    m.d.sync += [high.eq(self.stores.payload >> 16), has_high.eq(1)]
            with m.If(last_lane):
                m.d.sync += [lane.eq(0), memory.wdata.payload.eq(whole), memory.wdata.valid.eq(1),
                             chunk_left.eq(chunk_left - 1)]

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("Take-Command"):
                m.d.comb += [self.command.ready.eq(1), self.busy.eq(0)]
                m.d.sync += [command.eq(self.command.p), slot.eq(0)]
                m.d.sync += total_halves.eq(self.command.p.length << self.command.p.wide)
                with m.If(self.command.valid):
                    m.next = "Measure"

            with m.State("Measure"):
                m.d.sync += total_bursts.eq((total_halves + (burst_halves - 1))
                                            >> exact_log2(burst_halves))
                m.next = "Find-Slot"

            with m.State("Find-Slot"):
                m.d.sync += [address.eq(command.base), term.eq(0)]
                m.d.sync += [beats_left.eq(total_bursts << exact_log2(config.burst_beats)),
                             halves_left.eq(total_halves)]
                m.next = "Finish-Slot"
                with m.If(self.active.bit_select(slot, 1)):
                    m.next = "Take-Factor"

            with m.State("Take-Factor"):
                with m.Switch(term):
                    for number, (value, stride) in enumerate(terms):
                        with m.Case(number):
                            m.d.sync += [factor.eq(value), addend.eq(stride)]
                m.d.sync += term.eq(term + 1)
                m.next = "Multiply"
                with m.If(term == len(terms)):
                    m.next = "Request-Chunk"

            with m.State("Multiply"):
                m.d.sync += [factor.eq(factor >> 1), addend.eq(addend << 1)]
                with m.If(factor[0]):
                    m.d.sync += address.eq(address + addend)
                with m.If(factor == 0):
                    m.next = "Take-Factor"

            with m.State("Request-Chunk"):
                m.d.comb += memory.burst.valid.eq(beats_left != 0)
                with m.If(beats_left == 0):
                    m.next = "Finish-Slot"
                with m.Elif(memory.burst.ready):
                    m.d.sync += [address.eq(address + chunk), beats_left.eq(beats_left - chunk),
                                 chunk_left.eq(chunk)]
                    m.next = "Read"
                    with m.If(command.write):
                        m.next = "Write"

            with m.State("Read"):
                m.d.comb += reading.eq(chunk_left != 0)
                # The rest of the last beat must be dropped before the halves are counted anew.
                with m.If((chunk_left == 0) & (beat_halves == 0)):
                    m.next = "Request-Chunk"

            with m.State("Write"):
                m.d.comb += writing.eq(chunk_left != 0)
                with m.If(memory.done):
                    m.next = "Request-Chunk"

            with m.State("Finish-Slot"):
                m.d.sync += slot.eq(slot + 1)
                m.next = "Find-Slot"
                with m.If(slot == config.slots - 1):
                    m.next = "Finish-Command"

            with m.State("Finish-Command"):
                with m.If((valids == 0) & ~self.loads.valid):
                    m.next = "Take-Command"

        return m

    @staticmethod
    def _shift_left(m, value, amount, unit, name):
        """Return ``value << (amount << unit)`` in 32 bits, and whether it left int32."""
        lost = Const(0)
        for bit in range(len(amount)):
            by = 1 << (unit + bit)
            moved = Signal(signed(32), name=f"{name}_{by}")
            if by < 32:
                top = value[31 - by:]
                lost = lost | (amount[bit] & ~(top.all() | ~top.any()))
                m.d.comb += moved.eq(Mux(amount[bit], value << by, value))
            else:
                lost = lost | (amount[bit] & value.any())
                m.d.comb += moved.eq(value)
            value = moved
        return value, lost
