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

#: What a number of 80 bits has for an exponent, and the quotient that stands for 1.
EXPONENT_INTEGER, EXPONENT_ONE = 49, -30
#: Bits of a row in one block RAM: that of an ECP5 has no register behind more.
_ROW_PART = 18


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
        Commands; 16 are queued, the one under way included. Not ready while a result is written.
    active : :py:`In(slots)`
        Slots that take part, one bit each. Stable from the clock of a command on, and while
        commands are under way.
    statistic : :py:`In(stream.Signature(statistic_layout(config)))`
        Integers that go to registers as scalars. One is taken only when no command is under way.
    scalar_slot, scalar_reg : :py:`In(...)`
        The register read by the vector engine.
    scalar_m, scalar_e : :py:`Out(...)`
        Its value, ``read_latency`` clocks later.
    scalar_pending : :py:`Out(1)`
        With the value: it is not valid yet, because a command or statistic taken before writes the
        register and is not finished, or for a few clocks because an operand was read instead.
    idle : :py:`Out(1)`
        No command is queued or under way, and no statistic.

    Memory: slots * 64 registers of 41 bits and a queue of 16 x 65 bits, in one memory of 65 bits
    (four block RAMs of an ECP5): so the constant of a command is read like a register.
    """

    #: Commands that are queued, the one under way included.
    depth = 16
    #: Clocks from register number to value on the read port.
    read_latency = 2
    #: Clocks that a command takes before its first slot.
    fetch_time = 3
    #: Clocks that an operation takes for each active slot; a slot that is not takes one. Sums take
    #: one less where the first operand's exponent is not the greater one; results one more where
    #: the leading one is not at the top of 32 or 62 bits, and 11 where there is none.
    intervals: ClassVar = {
        ScalarOp.SET: 12, ScalarOp.ADD: 12, ScalarOp.ADD_CONSTANT: 12,
        ScalarOp.MULTIPLY: 10, ScalarOp.MULTIPLY_CONSTANT: 10,
        ScalarOp.RECIP: 39, ScalarOp.RSQRT: 71,
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

        slot = Signal(range(self.config.slots))
        active = Signal.like(self.active)
        m.d.sync += active.eq(self.active)

        # Registers in the lower half of the addresses, commands in the upper one; a register lies
        # where a command's constant does. Register 0 is never written, so it stays zero. What is
        # read while it is written does not matter: it is pending.
        n_bits = len(Cat(self.command.p.dst, slot))
        n_rows = 1 << n_bits
        zero = ScalarCommand.const({"constant": {"m": 0, "e": EXPONENT_MIN}}).as_value().value
        write_en, write_addr, read_addr = (Signal(), Signal(range(n_rows + self.depth)),
                                           Signal(range(n_rows + self.depth)))
        written = Signal(ScalarCommand)
        fetched, row = (Signal(ScalarCommand, name=name, reset_less=True)
                        for name in ("fetched", "row"))
        m.d.sync += row.eq(fetched)
        for first in range(0, len(written.as_value()), _ROW_PART):
            part = slice(first, first + _ROW_PART)
            bits = written.as_value()[part]
            rows = Memory(
                shape=len(bits), depth=n_rows + self.depth,
                init=[zero >> first & ((1 << len(bits)) - 1)] * n_rows,
                attrs={"no_rw_check": 1, "ram_style": "block"})
            m.submodules[f"rows_{first}"] = rows
            write, read = rows.write_port(), rows.read_port(domain="comb")
            m.d.comb += [write.en.eq(write_en), write.addr.eq(write_addr), write.data.eq(bits),
                         read.addr.eq(read_addr)]
            m.d.sync += fetched.as_value()[part].eq(read.data)

        def command_at(place):
            return Cat(place, Const(0, n_bits - len(place)), 1)

        # What is written: commands, but for the clock of a result.
        writing = Signal()
        level = Signal(range(self.depth + 1))
        dst = Signal(range(N_SCALARS), reset_less=True)
        m.d.comb += [
            self.command.ready.eq(~level[-1] & ~writing),
            scoreboard.put.eq(self.command.valid & self.command.ready),
            scoreboard.put_reg.eq(self.command.p.dst),
            write_en.eq(Mux(writing, dst != 0, scoreboard.put)),
            write_addr.eq(Mux(writing, Cat(dst, slot), command_at(scoreboard.put_at))),
            written.eq(self.command.payload),
        ]
        with m.If(writing):
            m.d.comb += written.constant.eq(normalizer.o.p)
        m.d.sync += level.eq(level + scoreboard.put - scoreboard.take)

        # What is read: by the vector engine, where no command and no operand is.
        command_read, operand_read, second = (Signal(name=name) for name in (
            "command_read", "operand_read", "second"))
        operands = [Signal(range(N_SCALARS), name=name, reset_less=True) for name in "ab"]
        with m.If(command_read):
            m.d.comb += read_addr.eq(command_at(scoreboard.take_at))
        with m.Elif(operand_read):
            m.d.comb += read_addr.eq(Cat(Mux(second, operands[1], operands[0]), slot))
        with m.Else():
            m.d.comb += read_addr.eq(Cat(self.scalar_reg, self.scalar_slot))

        gathered, lost, free = Signal(), Signal(2), Signal(init=1)
        m.d.comb += [
            scoreboard.reg.eq(self.scalar_reg),
            self.scalar_m.eq(row.constant.m),
            self.scalar_e.eq(row.constant.e),
            self.scalar_pending.eq(scoreboard.pending | lost[1]),
        ]
        m.d.sync += lost.eq(Cat(command_read | operand_read
                                | (gathered & (dst == self.scalar_reg)), lost))

        # What the command is.
        of_constant, of_products, of_quotients, root = (Signal(name=name) for name in (
            "of_constant", "of_products", "of_quotients", "root"))

        def is_any(*ops):
            return Cat(row.op == op for op in ops).any()

        # Operands: the first, then the second go through `row` and `x`. A sum's are read twice, so
        # that at one time `x` is the larger and `row` the smaller, which the multiplier shifts.
        x = Signal(Scalar, reset_less=True)
        gap = Signal(signed(11), reset_less=True)
        of_shifts = Signal()
        m.d.sync += gap.eq(row.constant.e - x.e)
        m.d.comb += [
            multiplier.i.p.a.eq(row.constant.m),
            # The product's bits from 30 on are smaller >> gap, and 0 for a gap above 30.
            multiplier.i.p.b.eq(Mux(of_shifts, Mux(gap[5:].any(), 0, 1 << 30 >> gap[:5]), x.m)),
        ]

        # 1 takes the place of a zero that is divided by. An odd exponent of a root's operand is
        # made even.
        m.d.comb += [
            divider.i.p.divisor.eq(Cat(x.m[:30], 1) << (root & x.m[30] & x.e[0])),
            divider.i.p.root.eq(root),
        ]

        # The exponent begins with what belongs to the operation; the operands' are added then, and
        # a divisor's is subtracted: as 1 + ~e, where the 1 is in what it begins with.
        exponent = Signal(signed(12), reset_less=True, init=EXPONENT_INTEGER)
        add_exponent = Signal()
        term = Mux(root, x.e >> 1, x.e)
        with m.If(add_exponent):
            m.d.sync += exponent.eq(exponent + Mux(of_quotients, ~term, term))

        # What the mantissas leave of 80 bits is filled up with zeros from below. They are
        # normalised or zero, so the lower half of a product does not matter.
        taking_integer = Signal()
        upper = Mux(of_quotients, divider.o.payload,
                    (multiplier.o.payload.as_unsigned()[30:62] + x.m)[:32])
        m.d.comb += [
            normalizer.i.p.value.eq(Mux(taking_integer, self.statistic.p.value, upper << 48)),
            normalizer.i.p.exponent.eq(exponent),
        ]

        def normalize():
            m.d.comb += normalizer.i.valid.eq(1)
            m.next = "Normalize"

        def advance():
            with m.If(slot == self.config.slots - 1):
                m.d.comb += scoreboard.take.eq(1)
                m.d.sync += slot.eq(0)
                m.next = "Fetch"
            with m.Else():
                m.d.sync += slot.eq(slot + 1)
                m.next = "Read-First"

        with m.FSM():
            with m.State("Fetch"):
                # A command that came in the clock before `free` has no part in the statistic: it
                # would have waited for the instruction.
                m.d.comb += [taking_integer.eq(1), command_read.eq(level != 0),
                             self.idle.eq(level == 0), self.statistic.ready.eq(free)]
                m.d.sync += free.eq(level == 0)
                with m.If(free & self.statistic.valid):
                    m.d.sync += [gathered.eq(1), slot.eq(self.statistic.p.slot),
                                 dst.eq(self.statistic.p.reg), free.eq(0)]
                    normalize()
                with m.Elif(level != 0):
                    m.next = "Await-Command"

            with m.State("Await-Command"):
                m.next = "Decode"

            with m.State("Decode"):
                m.d.sync += [
                    dst.eq(row.dst), operands[0].eq(row.a), operands[1].eq(row.b),
                    of_constant.eq(is_any(ScalarOp.SET, ScalarOp.ADD_CONSTANT,
                                          ScalarOp.MULTIPLY_CONSTANT)),
                    of_products.eq(is_any(ScalarOp.MULTIPLY, ScalarOp.MULTIPLY_CONSTANT)),
                    of_quotients.eq(is_any(ScalarOp.RECIP, ScalarOp.RSQRT)),
                    root.eq(is_any(ScalarOp.RSQRT)),
                ]
                # A constant is set by adding it to zero.
                with m.If(is_any(ScalarOp.SET)):
                    m.d.sync += operands[0].eq(0)
                m.next = "Read-First"

            with m.State("Read-First"):
                m.d.comb += operand_read.eq(1)
                m.next = "Read-Second"
                with m.If(~active.bit_select(slot, 1)):
                    advance()

            with m.State("Read-Second"):
                m.d.comb += [command_read.eq(of_constant), operand_read.eq(1), second.eq(1)]
                m.next = "Take-First"

            with m.State("Take-First"):
                m.d.comb += operand_read.eq(1)
                m.d.sync += [x.eq(row.constant), exponent.eq(1)]
                m.next = "Take-Second"
                with m.If(of_products):
                    m.d.sync += exponent.eq(31)
                with m.If(of_quotients):
                    m.d.sync += exponent.eq(Mux(root, -44, -59))
                    m.next = "Divide"

            with m.State("Take-Second"):
                m.d.comb += [command_read.eq(of_constant), operand_read.eq(1), second.eq(1),
                             multiplier.i.valid.eq(of_products), add_exponent.eq(of_products)]
                m.d.sync += x.eq(row.constant)
                m.next = "Shift-First"
                with m.If(of_products):
                    m.next = "Add-Exponent"

            with m.State("Shift-First"):
                m.d.comb += [of_shifts.eq(1), multiplier.i.valid.eq(gap >= 0)]
                m.next = "Add-Exponent"
                with m.If(gap < 0):
                    m.d.sync += x.eq(row.constant)
                    m.next = "Shift-Second"

            with m.State("Shift-Second"):
                m.d.comb += [of_shifts.eq(1), multiplier.i.valid.eq(1)]
                m.next = "Add-Exponent"

            with m.State("Add-Exponent"):
                m.d.comb += add_exponent.eq(1)
                # Nothing is added to a product.
                with m.If(of_products):
                    m.d.sync += x.m.eq(0)
                m.next = "Multiply"

            with m.State("Multiply"):
                with m.If(multiplier.o.valid):
                    normalize()

            with m.State("Divide"):
                m.d.comb += [divider.i.valid.eq(1), add_exponent.eq(x.m[30])]
                with m.If(~x.m[30]):
                    m.d.sync += exponent.eq(EXPONENT_ONE)
                m.next = "Take-Quotient"

            with m.State("Take-Quotient"):
                m.d.comb += divider.o.ready.eq(1)
                with m.If(divider.o.valid):
                    normalize()

            with m.State("Normalize"):
                m.d.sync += writing.eq(normalizer.o.valid)
                with m.If(normalizer.o.valid):
                    m.next = "Write"

            with m.State("Write"):
                m.d.comb += normalizer.o.ready.eq(1)
                m.d.sync += [writing.eq(0), gathered.eq(0), exponent.eq(EXPONENT_INTEGER)]
                with m.If(gathered):
                    m.d.sync += slot.eq(0)
                    m.next = "Fetch"
                with m.Else():
                    advance()

        return m
