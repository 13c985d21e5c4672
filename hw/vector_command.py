"""The vector engine's command, and what its streams carry."""

from amaranth import *
from amaranth.lib import data, enum

from trine.firmware import isa

__all__ = ["ASource", "BSource", "Op", "Statistic", "Target", "VectorCommand", "code_write_layout",
           "logit_layout", "more_shape", "statistic_layout", "sum_layout"]


class Op(enum.Enum, shape=unsigned(6)):
    """What is done with each element; values and formulas are those of the instruction set."""

    MULTIPLY = isa.Opcode.MULTIPLY.value
    ADD = isa.Opcode.ADD.value
    SUBTRACT = isa.Opcode.SUBTRACT.value
    SCALE = isa.Opcode.SCALE.value
    SIGMOID = isa.Opcode.SIGMOID.value
    SILU = isa.Opcode.SILU.value
    INTERPOLATE = isa.Opcode.INTERPOLATE.value
    QUANTIZE = isa.Opcode.QUANTIZE.value


class ASource(enum.Enum, shape=unsigned(2)):
    """Where operand a comes from: a memory, the array's sums, or the mover's loads."""

    VECTOR = isa.ASource.VECTOR.value
    STATE = isa.ASource.STATE.value
    SUMS = 2
    LOADS = 3


class BSource(enum.Enum, shape=unsigned(2)):
    """Where operand b comes from; NONE reads as 1."""

    NONE = isa.BSource.NONE.value
    VECTOR = isa.BSource.VECTOR.value
    CONSTANT = isa.BSource.CONSTANT.value
    CONSTANT_UNSIGNED = isa.BSource.CONSTANT_UNSIGNED.value


class Target(enum.Enum, shape=unsigned(3)):
    """Where results go: the instruction set's targets, and those that an opcode implies."""

    NONE = isa.Target.NONE.value
    VECTOR = isa.Target.VECTOR.value
    STATE = isa.Target.STATE.value
    RESIDUAL = isa.Target.RESIDUAL.value
    LOGITS = isa.Target.LOGITS.value
    #: QUANTIZE.
    CODE = 5
    #: FILL: the fill stream goes to constant memory; everything but dst and length is ignored.
    CONSTANT = 6
    #: STORE.
    STORES = 7


class Statistic(enum.Enum, shape=unsigned(1)):
    """What is gathered over the results."""

    ABSMAX = isa.Statistic.ABSMAX.value
    SUM_SQUARES = isa.Statistic.SUM_SQUARES.value


class VectorCommand(data.Struct):
    """One command of the vector engine.

    MATVEC is SCALE of SUMS to VECTOR, RESIDUAL or LOGITS; LOAD is MULTIPLY of LOADS with b NONE
    and shift 0; STORE is MULTIPLY with b NONE and shift 0 to STORES; FILL is target CONSTANT.
    """

    op: Op
    a_source: ASource
    b_source: BSource
    target: Target
    #: Bits of the rounding right shift: MULTIPLY, SIGMOID, SILU, INTERPOLATE.
    shift: unsigned(6)
    #: SIGMOID: take the sigmoid of -a.
    negate: unsigned(1)
    #: SCALE, QUANTIZE: scalar register. SIGMOID, SILU: fraction bits of a, 0 ... 31.
    operand: unsigned(6)
    statistic: Statistic
    #: Scalar register that takes the statistic, 0 for none.
    stat: unsigned(6)
    a: unsigned(16)
    b: unsigned(16)
    dst: unsigned(16)
    #: Elements, 1 or more. Ignored with SUMS, which end with `last`.
    length: unsigned(18)


def more_shape(config):
    """Return the shape of ``more``: a bit for each lane but the first, set where the beat has it.

    A beat is ``vector_lanes`` elements of one slot, the first of them at a multiple of that many,
    and holds fewer only at the end of a vector.
    """
    return unsigned(config.vector_lanes - 1)


def sum_layout(config):
    """Return the payload of the array's sums: those of ``row`` and the following rows of a slot.

    ``last`` is the last beat of the instruction.
    """
    return data.StructLayout({
        "slot": range(config.slots), "row": unsigned(18),
        "sums": data.ArrayLayout(signed(config.acc_width), config.vector_lanes),
        "more": more_shape(config), "last": 1})


def code_write_layout(config):
    """Return the payload of a write to code memory; ``row`` is the first code's address / lanes."""
    return data.StructLayout({
        "slot": range(config.slots), "row": range(config.code_words // config.vector_lanes),
        "codes": data.ArrayLayout(signed(8), config.vector_lanes), "more": more_shape(config)})


def logit_layout(config):
    """Return the payload of the logits; ``row`` is that of the sum, ``last`` ends the command."""
    return data.StructLayout({"slot": range(config.slots), "row": unsigned(18),
                              "logit": signed(32), "last": 1})


def statistic_layout(config):
    """Return the payload of the statistics: an absolute maximum or a sum of squares, exact."""
    return data.StructLayout({"slot": range(config.slots), "reg": unsigned(6),
                              "value": unsigned(80)})
