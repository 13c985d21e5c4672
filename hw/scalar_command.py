"""The scalar unit's command, and the number it computes with."""

from amaranth import *
from amaranth.lib import data, enum

from trine.firmware.isa import N_SCALARS, Opcode

__all__ = ["Scalar", "ScalarCommand", "ScalarOp"]


class Scalar(data.Struct):
    """A number m * 2^e: m is 0 or has bit 30 set. Zero is m = 0, e = -512."""

    m: unsigned(31)
    e: signed(10)


class ScalarOp(enum.Enum, shape=unsigned(6)):
    """What is done; values and formulas are those of the instruction set."""

    SET = Opcode.SCALAR_SET.value
    MULTIPLY = Opcode.SCALAR_MULTIPLY.value
    ADD = Opcode.SCALAR_ADD.value
    RECIP = Opcode.SCALAR_RECIP.value
    RSQRT = Opcode.SCALAR_RSQRT.value
    MULTIPLY_CONSTANT = Opcode.SCALAR_MULTIPLY_CONSTANT.value
    ADD_CONSTANT = Opcode.SCALAR_ADD_CONSTANT.value


class ScalarCommand(data.Struct):
    """One command of the scalar unit. What an instruction lacks is ignored."""

    op: ScalarOp
    #: Register written; what is written to register 0 is dropped.
    dst: range(N_SCALARS)
    #: Registers read.
    a: range(N_SCALARS)
    b: range(N_SCALARS)
    #: The constant.
    constant: Scalar
