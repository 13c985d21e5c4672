"""Scalar unit: the scales between vectors and their integers."""

from typing import ClassVar

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import N_SCALARS

from .multiplier import Multiplier
from .normalizer import EXPONENT_MIN, Normalizer
from .scalar_command import Scalar, ScalarCommand, ScalarOp
from .scalar_divider import ScalarDivider
from .scoreboard import Scoreboard
from .vector_command import statistic_layout

__all__ = ["ScalarUnit"]


class ScalarUnit(wiring.Component):
    """Carries out scalar instructions one after the other, each for one active slot at a time.

    Bit exact with :func:`trine.sim.golden.scalar_unit.execute`, and for statistics with
    :func:`trine.sim.golden.scalar.from_integer`. Commands are queued, and carried out beside what
    the other units do. Who issues them sees to the order against vector instructions: a command
    that comes behind a vector instruction waits for its end where the instruction has a statistic,
    or reads the register that the command writes.

    Parameters
    ----------
    config : :class:`~trine.firmware.config.Config`
        Sizes: ``slots``.

    Members
    -------
    command : :py:`In(stream.Signature(ScalarCommand))`
        Commands; 16 are queued, the one under way included.
    active : :py:`In(slots)`
        Slots that take part, one bit each. Stable while commands are under way.
    statistic : :py:`In(stream.Signature(statistic_layout(config)))`
        Integers that go to registers as scalars. One is taken only when no command is under way.
    scalar_slot, scalar_reg : :py:`In(...)`
        The register read by the vector engine.
    scalar_m, scalar_e : :py:`Out(...)`
        Its value, ``read_latency`` clocks later.
    scalar_pending : :py:`Out(1)`
        With the value: it is not valid yet, because a command or statistic taken before writes the
        register and is not finished, or for a clock or two because an operand was read instead.
    idle : :py:`Out(1)`
        No command is queued or under way, and no statistic.

    Memory: registers of slots * 64 x 41 bits, and a queue of 16 x 65 bits in LUT RAM.
    """

    #: Commands that are queued, the one under way included.
    depth = 16
    #: Clocks from register number to value on the read port.
    read_latency = 2
    #: Clocks that an operation takes for each active slot; a slot that is not takes one. Where the
    #: result is zero, ten more.
    intervals: ClassVar = {
        ScalarOp.SET: 9, ScalarOp.ADD: 9, ScalarOp.ADD_CONSTANT: 9,
        ScalarOp.MULTIPLY: 8, ScalarOp.MULTIPLY_CONSTANT: 8,
        ScalarOp.RECIP: 37, ScalarOp.RSQRT: 69,
    }

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "command": In(stream.Signature(ScalarCommand)),
            "active": In(config.slots),
            "statistic": In(stream.Signature(statistic_layout(config))),
            "scalar_slot": In(range(config.slots)),
            "scalar_reg": In(range(N_SCALARS)),
            "scalar_m": Out(31),
            "scalar_e": Out(signed(10)),
            "scalar_pending": Out(1),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.multiplier = multiplier = Multiplier()
        m.submodules.divider = divider = ScalarDivider()
        m.submodules.normalizer = normalizer = Normalizer()
        m.submodules.scoreboard = scoreboard = Scoreboard(depth=self.depth, registers=N_SCALARS)
        # Register 0 is never written, so it stays zero.
        m.submodules.registers = registers = Memory(
            shape=Scalar, depth=self.config.slots * N_SCALARS,
            init=[{"m": 0, "e": EXPONENT_MIN}] * (self.config.slots * N_SCALARS))
        write, read = registers.write_port(), registers.read_port()

        # The queue; one bit more than an address tells full from empty.
        m.submodules.queue = queue = Memory(shape=Shape.cast(ScalarCommand), depth=self.depth,
                                            init=[])
        put, head = queue.write_port(), queue.read_port(domain="comb")
        put_at, head_at = Signal(range(2 * self.depth)), Signal(range(2 * self.depth))
        command = Signal(ScalarCommand)
        empty = Signal()
        m.d.comb += [
            empty.eq(put_at == head_at),
            self.command.ready.eq(put_at != head_at ^ self.depth),
            put.addr.eq(put_at),
            put.data.eq(self.command.payload),
            put.en.eq(self.command.valid & self.command.ready),
            head.addr.eq(head_at),
            command.eq(head.data),
            scoreboard.put.eq(put.en),
            scoreboard.put_reg.eq(self.command.p.dst),
        ]
        m.d.sync += put_at.eq(put_at + put.en)

        # Where the result goes.
        slot = Signal(range(self.config.slots))
        gathered = Signal()
        gathered_slot, gathered_reg = Signal.like(slot), Signal(range(N_SCALARS))
        m.d.comb += [
            write.data.eq(normalizer.o.p),
            write.addr.eq(Mux(gathered, Cat(gathered_reg, gathered_slot), Cat(command.dst, slot))),
        ]

        def advance():
            with m.If(slot == self.config.slots - 1):
                m.d.comb += scoreboard.take.eq(1)
                m.d.sync += [slot.eq(0), head_at.eq(head_at + 1)]
            with m.Else():
                m.d.sync += slot.eq(slot + 1)

        # The vector engine reads while no operand is read.
        operand_read, pending = Signal(), Signal()
        operand = Signal(range(N_SCALARS))
        m.d.comb += [
            read.addr.eq(Mux(operand_read, Cat(operand, slot),
                             Cat(self.scalar_reg, self.scalar_slot))),
            scoreboard.reg.eq(self.scalar_reg),
        ]
        m.d.sync += [
            pending.eq(operand_read | scoreboard.pending
                       | (gathered & (gathered_reg == self.scalar_reg))),
            self.scalar_pending.eq(pending),
            self.scalar_m.eq(read.data.m),
            self.scalar_e.eq(read.data.e),
        ]

        # Operands. Of a sum the larger one is kept, and the other shifted by the multiplier.
        x, y, second, smaller, larger = (Signal(Scalar, name=name, reset_less=True) for name in (
            "x", "y", "second", "smaller", "larger"))
        kept = Signal(31, reset_less=True)
        gaps = [Signal(signed(11), name=f"gap_{n}", reset_less=True) for n in range(2)]
        gap = Signal(10)
        # Known from the clock behind "Fetch" on.
        of_constant, of_products, of_sums, set_constant, root = (Signal(name=name) for name in (
            "of_constant", "of_products", "of_sums", "set_constant", "root"))

        def is_any(*ops):
            return Cat(command.op == op for op in ops).any()

        m.d.sync += [
            of_constant.eq(is_any(ScalarOp.SET, ScalarOp.ADD_CONSTANT,
                                  ScalarOp.MULTIPLY_CONSTANT)),
            of_products.eq(is_any(ScalarOp.MULTIPLY, ScalarOp.MULTIPLY_CONSTANT)),
            of_sums.eq(is_any(ScalarOp.SET, ScalarOp.ADD, ScalarOp.ADD_CONSTANT)),
            set_constant.eq(is_any(ScalarOp.SET)),
            root.eq(is_any(ScalarOp.RSQRT)),
        ]
        m.d.comb += [
            second.eq(Mux(of_constant, command.constant, read.data)),
            smaller.eq(Mux(gaps[0] < 0, x, y)),
            larger.eq(Mux(gaps[0] < 0, y, x)),
            gap.eq(Mux(gaps[0] < 0, gaps[1], gaps[0])),
            multiplier.i.p.a.eq(x.m),
            multiplier.i.p.b.eq(second.m),
        ]

        # 1 takes the place of a zero that is divided by. An odd exponent of a root's operand is
        # made even.
        exponent_divided = Signal(signed(10))
        divisor = Cat(x.m[:30], 1)
        m.d.comb += [
            exponent_divided.eq(Mux(x.m[30], x.e, -30)),
            divider.i.p.divisor.eq(Mux(root & exponent_divided[0], divisor << 1, divisor)),
            divider.i.p.root.eq(root),
        ]

        # What the mantissas of products and sums leave of 80 bits is filled up from below.
        exponent = Signal(signed(11), reset_less=True)
        product = multiplier.o.payload.as_unsigned()
        m.d.comb += normalizer.i.p.value.eq(self.statistic.p.value)

        def normalize(value, exponent):
            m.d.comb += [normalizer.i.valid.eq(1), normalizer.i.p.exponent.eq(exponent),
                         normalizer.i.p.value.eq(value << 80 - len(value))]
            m.next = "Write"

        with m.FSM():
            with m.State("Fetch"):
                with m.If(empty):
                    m.d.comb += [self.statistic.ready.eq(1), self.idle.eq(1)]
                    with m.If(self.statistic.valid):
                        m.d.sync += [gathered.eq(1), gathered_slot.eq(self.statistic.p.slot),
                                     gathered_reg.eq(self.statistic.p.reg)]
                        normalize(self.statistic.p.value, 49)
                with m.Elif(self.active.bit_select(slot, 1)):
                    m.next = "Load-First"
                with m.Else():
                    advance()
                m.d.comb += [operand_read.eq(~empty), operand.eq(command.a)]

            with m.State("Load-First"):
                m.d.sync += x.eq(read.data)
                # A constant is set by adding it to zero.
                with m.If(set_constant):
                    m.d.sync += [x.m.eq(0), x.e.eq(EXPONENT_MIN)]
                m.d.comb += [operand_read.eq(1), operand.eq(command.b)]
                with m.If(of_sums | of_products):
                    m.next = "Load-Second"
                with m.Else():
                    m.next = "Divide"

            with m.State("Load-Second"):
                m.d.sync += [y.eq(second), exponent.eq(x.e + second.e),
                             gaps[0].eq(x.e - second.e), gaps[1].eq(second.e - x.e)]
                with m.If(of_products):
                    m.d.comb += multiplier.i.valid.eq(1)
                    m.next = "Multiply"
                with m.Else():
                    m.next = "Shift"

            with m.State("Shift"):
                # The product's bits from 30 on are smaller >> gap, and 0 for a gap above 30.
                m.d.comb += [multiplier.i.valid.eq(1), multiplier.i.p.a.eq(smaller.m),
                             multiplier.i.p.b.eq(Mux(gap[5:].any(), 0, 1 << 30 >> gap[:5]))]
                m.d.sync += [kept.eq(larger.m), exponent.eq(larger.e)]
                m.next = "Multiply"

            with m.State("Multiply"):
                with m.If(multiplier.o.valid):
                    # The upper half is a product's, or the sum, whose lower half is dropped.
                    upper = (product[30:62] + Mux(of_sums, kept, 0))[:32]
                    normalize(Cat(Mux(of_sums, 0, product[:30]), upper),
                              exponent + Mux(of_sums, 1, 31))

            with m.State("Divide"):
                m.d.comb += divider.i.valid.eq(1)
                m.d.sync += exponent.eq(
                    Mux(root, -45 - (exponent_divided >> 1), -60 - exponent_divided))
                m.next = "Take-Quotient"

            with m.State("Take-Quotient"):
                m.d.comb += divider.o.ready.eq(1)
                with m.If(divider.o.valid):
                    normalize(divider.o.payload, exponent)

            with m.State("Write"):
                m.d.comb += normalizer.o.ready.eq(1)
                with m.If(normalizer.o.valid):
                    m.d.comb += write.en.eq(Mux(gathered, gathered_reg, command.dst) != 0)
                    m.d.sync += gathered.eq(0)
                    with m.If(~gathered):
                        advance()
                    m.next = "Fetch"

        return m
