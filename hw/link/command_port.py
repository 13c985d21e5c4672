"""Command port: checks and executes the host's commands, each at most once."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.protocol import (
    ADDRESS_SPACE,
    BODY_MAX,
    CRC_MAX,
    DATA_MAX,
    EXCHANGES,
    GATEWARE_VERSION,
    KEEP_ADDRESS,
    MAGIC,
    PROTOCOL_VERSION,
    Command,
    Status,
)

from .bus import RegisterBus
from .cobs_encoder import FrameByte
from .memory_port import BurstSignature, MemoryAction, MemoryPort
from .register_port import RegisterPort
from .reply_buffer import ReplyBuffer

__all__ = ["CommandPort"]


class CommandPort(wiring.Component):
    """Answers every frame, in order, by the rules of ``docs/link.md``.

    Golden: :class:`trine.sim.link_model.BoardModel`.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a memory beat, a power of two.
    burst_beats : :class:`int`
        Beats of a memory burst, a power of two. A burst has 4 to 1024 bytes.
    addr_width : :class:`int`
        Bits of a beat address.
    gateware_version : :class:`int`
        Told by HELLO.

    Members
    -------
    frame : :py:`In(stream.Signature(range(BODY_MAX)))`
        Length of a frame without its CRC, at least 2.
    bytes : :py:`In(stream.Signature(8))`
        That many bytes, for each length.
    o : :py:`Out(stream.Signature(FrameByte))`
        Replies, without CRC.
    bus : :py:`Out(RegisterBus)`
        The registers.
    memory : :py:`Out(BurstSignature(...))`
        The memory.

    Raises
    ------
    ValueError
        If a burst is not a power of two of bytes, 4 to 1024.
    """

    def __init__(self, *, beat_bytes, burst_beats, addr_width, gateware_version=GATEWARE_VERSION):
        burst_bytes = beat_bytes * burst_beats
        if not 4 <= burst_bytes <= DATA_MAX or burst_bytes & (burst_bytes - 1):
            raise ValueError(f"Memory burst must be a power of two of bytes, 4 to {DATA_MAX}, "
                             f"not {burst_bytes!r}")
        self.beat_bytes = beat_bytes
        self.burst_beats = burst_beats
        self.addr_width = addr_width
        self.gateware_version = gateware_version
        super().__init__({
            "frame": In(stream.Signature(range(BODY_MAX))),
            "bytes": In(stream.Signature(8)),
            "o": Out(stream.Signature(FrameByte)),
            "bus": Out(RegisterBus),
            "memory": Out(BurstSignature(beat_bytes=beat_bytes, addr_width=addr_width)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.registers = registers = RegisterPort()
        m.submodules.memory = memory = MemoryPort(beat_bytes=self.beat_bytes,
                                                  addr_width=self.addr_width)
        m.submodules.reply = reply = ReplyBuffer()
        connect(m, flipped(self.bus), registers.bus)
        connect(m, flipped(self.memory), memory.memory)
        connect(m, flipped(self.o), reply.o)

        beat_shift = (self.beat_bytes - 1).bit_length()
        burst_mask = self.beat_bytes * self.burst_beats - 1
        memory_bits = beat_shift + self.addr_width

        # The frame at hand.
        seq = Signal(8)
        command = Signal(8)
        left = Signal(range(BODY_MAX))  # payload bytes not yet taken
        fields = Signal(64)
        lane = Signal(range(8))
        status = Signal(8)
        address = fields[:32]

        # What was executed last.
        last_seq = Signal(8)
        expected = Signal(8)
        greeted = Signal()
        m.d.comb += expected.eq(last_seq + 1)

        is_memory, is_write, keeps = Signal(), Signal(), Signal()
        m.d.comb += is_memory.eq((command != Command.READ) & (command != Command.WRITE))
        m.d.comb += keeps.eq(~is_memory & (address & KEEP_ADDRESS != 0))
        m.d.comb += is_write.eq((command == Command.WRITE) | (command == Command.MEM_WRITE))

        # Checks take one step a clock: measure, add, compare, judge. No count in range is above
        # 2^16, so an access leaves its space only where all address bits above are ones, or where
        # one beyond the space is set; adding up the lower 17 bits tells the rest.
        count = Signal(17)  # words of READ and WRITE, bytes of the others
        count_high = Signal()  # the count has more bits than that
        end = Signal(18)
        bad_count, bad_address = Signal(), Signal()

        def beyond(value, bits):
            """Whether ``value`` is above ``1 << bits``."""
            return value[bits + 1:].any() | (value[bits] & value[:bits].any())

        def leaves(space_bits, unused):
            """Whether the access goes beyond ``1 << space_bits``."""
            low = min(space_bits, len(count))
            at_top = address[low:space_bits].all() if low < space_bits else Const(1)
            over = at_top & beyond(end, low)
            return address[space_bits:unused].any() | (over & ~keeps)

        m.d.comb += [
            registers.command.p.addr.eq(address),
            registers.command.p.count.eq(count),
            registers.command.p.keep.eq(keeps),
            registers.command.p.write.eq(is_write),
            memory.command.p.addr.eq(address >> beat_shift),
            memory.command.p.beats.eq(count >> beat_shift),
        ]
        with m.Switch(command):
            with m.Case(Command.MEM_READ):
                m.d.comb += memory.command.p.action.eq(MemoryAction.READ)
            with m.Case(Command.MEM_WRITE):
                m.d.comb += memory.command.p.action.eq(MemoryAction.WRITE)
            with m.Default():
                m.d.comb += memory.command.p.action.eq(MemoryAction.SUM)

        # Each has a flip-flop for the state in which it runs: a byte has a long way to memory.
        ports = ("Registers", registers), ("Memory", memory)
        running = Signal(len(ports))
        for (_, port), runs in zip(ports, running):
            m.d.comb += [port.i.payload.eq(self.bytes.payload),
                         port.i.valid.eq(self.bytes.valid & runs)]

        def take_byte():
            m.d.comb += self.bytes.ready.eq(1)
            return m.If(self.bytes.valid)

        def refuse(reason):
            m.d.sync += status.eq(reason)
            m.next = "Drop-Rest"

        with m.FSM():
            with m.State("Take-Frame"):
                m.d.comb += self.frame.ready.eq(1)
                m.d.sync += [left.eq(self.frame.payload - 2), lane.eq(0), fields.eq(0)]
                with m.If(self.frame.valid):
                    m.next = "Take-Sequence"

            with m.State("Take-Sequence"):
                with take_byte():
                    m.d.sync += seq.eq(self.bytes.payload)
                    m.next = "Take-Command"

            with m.State("Take-Command"):
                with take_byte():
                    m.d.sync += command.eq(self.bytes.payload)
                    m.next = "Check-Sequence"

            with m.State("Check-Sequence"):
                m.next = "Check-Length"
                with m.If(command != Command.HELLO):
                    with m.If(~greeted):
                        refuse(Status.NO_HELLO)
                    with m.Elif(seq == last_seq):
                        # Executed before: the reply is still in its buffer.
                        refuse(Status.OK)
                    with m.Elif(seq != expected):
                        refuse(Status.OUT_OF_ORDER)

            with m.State("Check-Length"):
                with m.Switch(command):
                    for exchange in EXCHANGES.values():
                        need = exchange.request_bytes
                        with m.Case(exchange.command):
                            m.next = "Take-Fields" if need else "Clear-Reply"
                            # Too little data of a write shows in its count; too much is no frame.
                            with m.If(left < need if exchange.request_data else left != need):
                                refuse(Status.BAD_LENGTH)
                    with m.Default():
                        refuse(Status.BAD_COMMAND)

            with m.State("Take-Fields"):
                with take_byte():
                    m.d.sync += fields.word_select(lane, 8).eq(self.bytes.payload)
                    m.d.sync += [lane.eq(lane + 1), left.eq(left - 1)]
                    # Four bytes of address, and where no data follow, a count to the end.
                    with m.If(Mux(is_write, lane == 3, left == 1)):
                        m.next = "Measure"

            with m.State("Measure"):
                m.d.sync += [count.eq(fields[32:]), count_high.eq(fields[32 + len(count):].any())]
                with m.If(command == Command.WRITE):
                    m.d.sync += count.eq(left >> 2)
                with m.If(command == Command.MEM_WRITE):
                    m.d.sync += count.eq(left)
                m.next = "Add"

            with m.State("Add"):
                low = address[:min(len(count), memory_bits)]
                m.d.sync += end.eq(Mux(is_memory, low, address[:len(count)]) + count)
                m.next = "Compare"

            with m.State("Compare"):
                with m.If(is_memory):
                    m.d.sync += bad_count.eq(
                        (count == 0) | count_high | (count & burst_mask != 0)
                        | Mux(command == Command.MEM_CRC, beyond(count, exact_log2(CRC_MAX)),
                              beyond(count, exact_log2(DATA_MAX))))
                    m.d.sync += bad_address.eq(leaves(memory_bits, 32)
                                               | (address & burst_mask != 0))
                with m.Else():
                    m.d.sync += bad_count.eq((count == 0) | beyond(count, exact_log2(DATA_MAX // 4))
                                             | (is_write & (left & 3 != 0)))
                    m.d.sync += bad_address.eq(leaves(exact_log2(ADDRESS_SPACE), 31))
                m.next = "Judge"

            with m.State("Judge"):
                m.next = "Clear-Reply"
                with m.If(bad_count):
                    refuse(Status.BAD_LENGTH)
                with m.Elif(bad_address):
                    refuse(Status.BAD_ADDRESS)

            with m.State("Clear-Reply"):
                # From here on the command is executed, and the reply before it is not needed.
                m.d.comb += reply.clear.eq(1)
                m.d.sync += [status.eq(Status.OK), lane.eq(0), last_seq.eq(seq)]
                m.next = "Start-Registers"
                with m.If(command == Command.HELLO):
                    m.next = "Greet"
                with m.Elif(is_memory):
                    m.next = "Start-Memory"

            with m.State("Greet"):
                greeting = MAGIC | PROTOCOL_VERSION << 32 | self.gateware_version << 48
                m.d.comb += reply.i.valid.eq(1)
                m.d.comb += reply.i.payload.eq(C(greeting, 64).word_select(lane, 8))
                m.d.sync += [lane.eq(lane + 1), greeted.eq(1)]
                with m.If(lane == 7):
                    m.next = "Reply"

            for (name, port), runs in zip(ports, running):
                with m.State(f"Start-{name}"):
                    m.d.comb += port.command.valid.eq(1)
                    m.d.sync += runs.eq(1)
                    m.next = f"Run-{name}"

                with m.State(f"Run-{name}"):
                    m.d.comb += [
                        self.bytes.ready.eq(port.i.ready),
                        reply.i.payload.eq(port.o.payload),
                        reply.i.valid.eq(port.o.valid),
                        port.o.ready.eq(1),
                    ]
                    with m.If(port.command.ready):
                        m.d.sync += runs.eq(0)
                        m.next = "Reply"

            with m.State("Drop-Rest"):
                m.next = "Drop-Byte"
                with m.If(left == 0):
                    m.next = "Reply"

            with m.State("Drop-Byte"):
                with take_byte():
                    m.d.sync += left.eq(left - 1)
                    m.next = "Drop-Rest"

            with m.State("Reply"):
                m.d.comb += [
                    reply.reply.valid.eq(1),
                    reply.reply.p.seq.eq(seq),
                    reply.reply.p.status.eq(status),
                    reply.reply.p.byte.eq(expected),
                    reply.reply.p.has_byte.eq(status == Status.OUT_OF_ORDER),
                    reply.reply.p.has_payload.eq(status == Status.OK),
                ]
                m.next = "Await-Reply"

            with m.State("Await-Reply"):
                # The next command may clear the payload.
                with m.If(reply.reply.ready):
                    m.next = "Take-Frame"

        return m
