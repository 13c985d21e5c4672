"""Instruction decoder: words of the tape to the units' commands."""

from amaranth import *
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware import isa
from trine.firmware.isa import INSTRUCTIONS, N_SCALARS, Opcode

from .memory_mover import MoverCommand
from .scalar_command import ScalarCommand
from .ternary_array import ArrayCommand
from .vector_command import ASource, Op, Target, VectorCommand

__all__ = ["MAX_WORDS", "InstructionDecoder", "Kind"]


#: Words of the longest instruction.
MAX_WORDS = max(form.words for form in INSTRUCTIONS.values())


class Kind(enum.Enum, shape=unsigned(3)):
    """Which units an instruction is for."""

    UNDEFINED = 0
    END = 1
    SCALAR = 2
    #: The vector engine.
    VECTOR = 3
    #: Array and vector engine.
    MATVEC = 4
    #: The vector engine, with a payload.
    FILL = 5
    #: Mover and vector engine.
    MOVE = 6


_KINDS = {Opcode.END: Kind.END, Opcode.MATVEC: Kind.MATVEC, Opcode.FILL: Kind.FILL,
          Opcode.LOAD: Kind.MOVE, Opcode.STORE: Kind.MOVE,
          **{op: Kind.VECTOR for op in INSTRUCTIONS if 16 <= op < 32},
          **{op: Kind.SCALAR for op in INSTRUCTIONS if 32 <= op < 48}}


class InstructionDecoder(wiring.Component):
    """Finds the fields of an instruction, combinational. All positions come from the ISA's data.

    Members
    -------
    first : :py:`In(32)`
        An instruction's first word.
    kind : :py:`Out(Kind)`
        Which units it is for.
    count : :py:`Out(range(MAX_WORDS + 1))`
        Its number of words.
    dst : :py:`Out(range(N_SCALARS))`
        Scalar register that it writes, where it is for the scalar unit.
    words : :py:`In(32 * MAX_WORDS)`
        The whole instruction, its first word lowest. All that follows is from here.
    stat : :py:`Out(range(N_SCALARS))`
        Scalar register that takes its statistic, 0 for none.
    operand : :py:`Out(range(N_SCALARS))`
        Scalar register that a vector instruction reads, 0 for none.
    vector, array, scalar, mover : :py:`Out(...)`
        Commands; they mean something where ``kind`` names the unit.
    """

    first: In(32)
    kind: Out(Kind)
    count: Out(range(MAX_WORDS + 1))
    dst: Out(range(N_SCALARS))
    words: In(32 * MAX_WORDS)
    stat: Out(range(N_SCALARS))
    operand: Out(range(N_SCALARS))
    vector: Out(VectorCommand)
    array: Out(ArrayCommand)
    scalar: Out(ScalarCommand)
    mover: Out(MoverCommand())

    def field(self, opcode, name):
        """Return field ``name`` of an instruction ``opcode``."""
        form = INSTRUCTIONS[opcode]
        described, = (f for f in form.fields if f.name == name)
        value = self.words[form.offset(name):][:described.bits]
        return value.as_signed() if described.signed else value

    def elaborate(self, platform):
        m = Module()

        with m.Switch(self.first[:6]):
            for op, form in INSTRUCTIONS.items():
                with m.Case(op):
                    m.d.comb += [self.count.eq(form.words), self.kind.eq(_KINDS[op])]

        # Scalar instructions have it all in one place.
        at = INSTRUCTIONS[Opcode.SCALAR_MULTIPLY].offset("dst")
        m.d.comb += self.dst.eq(self.first[at:])

        opcode = self.words[:6]

        def copy(command, op, *names, **renamed):
            """Copy fields, those that are ``renamed`` from another name."""
            return [command[to].eq(self.field(op, name))
                    for to, name in [*zip(names, names), *renamed.items()]]

        # Formats that are shared: one reading serves all their opcodes.
        vector, statistic = self.vector, ("statistic", "stat")
        with m.Switch(opcode):
            with m.Case(Opcode.MATVEC):
                m.d.comb += [
                    vector.op.eq(Op.SCALE),
                    vector.a_source.eq(ASource.SUMS),
                    *copy(vector, Opcode.MATVEC, "target", "operand", "dst", *statistic,
                          length="rows"),
                    self.stat.eq(vector.stat),
                    self.operand.eq(vector.operand),
                ]
            with m.Case(Opcode.FILL):
                m.d.comb += [
                    vector.op.eq(Op.MULTIPLY),
                    vector.target.eq(Target.CONSTANT),
                    *copy(vector, Opcode.FILL, "dst", "length"),
                ]
            with m.Case(Opcode.LOAD):
                m.d.comb += [
                    vector.op.eq(Op.MULTIPLY),
                    vector.a_source.eq(ASource.LOADS),
                    *copy(vector, Opcode.LOAD, "target", "dst", "length", *statistic),
                    self.stat.eq(vector.stat),
                ]
            with m.Case(Opcode.STORE):
                m.d.comb += [
                    vector.op.eq(Op.MULTIPLY),
                    vector.target.eq(Target.STORES),
                    *copy(vector, Opcode.STORE, "length", *statistic, a="dst"),
                    self.stat.eq(vector.stat),
                ]
                with m.If(self.field(Opcode.STORE, "target") == isa.Target.STATE):
                    m.d.comb += vector.a_source.eq(ASource.STATE)
            with m.Default():
                op = Opcode.MULTIPLY
                m.d.comb += [
                    vector.op.eq(opcode),
                    vector.a_source.eq(Cat(self.field(op, "a_source"), 0)),
                    *copy(vector, op, "b_source", "target", "shift", "negate", "operand", "a", "b",
                          "dst", "length", *statistic),
                    self.stat.eq(vector.stat),
                ]
                with m.Switch(opcode):
                    with m.Case(Opcode.INTERPOLATE):
                        m.d.comb += vector.target.eq(Target.STATE)
                    with m.Case(Opcode.QUANTIZE):
                        m.d.comb += vector.target.eq(Target.CODE)
                        m.d.comb += self.operand.eq(vector.operand)
                    with m.Case(Opcode.SCALE):
                        m.d.comb += self.operand.eq(vector.operand)

        m.d.comb += [
            *copy(self.array, Opcode.MATVEC, *ArrayCommand.members),
            self.mover.write.eq(opcode == Opcode.STORE),
            *copy(self.mover, Opcode.LOAD, *(name for name in MoverCommand().members
                                             if name != "write")),
            self.scalar.op.eq(opcode),
            *copy(self.scalar, Opcode.SCALAR_MULTIPLY, "dst", "a", "b"),
            self.scalar.constant.m.eq(self.field(Opcode.SCALAR_SET, "mantissa")),
            self.scalar.constant.e.eq(self.field(Opcode.SCALAR_SET, "exponent")),
        ]

        return m
