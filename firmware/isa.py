"""The instruction set: one description for gateware, golden model, assembler and documentation.

A tape is a stream of bytes. An instruction is one to six little-endian 32-bit words; its payload,
where it has one, follows at once, without padding. There are no branches and no addresses of
weights: a tape is played from its first byte to its END.
"""

import enum
from dataclasses import dataclass, field

__all__ = ["INSTRUCTIONS", "LENGTH_IS_POSITION", "LOGIT_FRACTION", "N_SCALARS", "SIGMOID_FRACTION",
           "STAT_KEPT", "ASource", "BSource", "Field", "Format", "Instruction", "Opcode",
           "Statistic", "Target"]

#: Scalar registers of each slot. Register 0 reads as zero, and what is written to it is dropped.
N_SCALARS = 64
#: The value of a `stat` field that means "kept": the next instruction with a statistic, of the same
#: kind, gathers on beside it. On machines with several slots; with one it is a register.
STAT_KEPT = 63
#: Fraction bits of a sigmoid, unsigned: 1.0 is 1 << 24.
SIGMOID_FRACTION = 24
#: Fraction bits of a logit.
LOGIT_FRACTION = 16
#: The value of a `length` field that means "this slot's position + 1". Reserved for attention.
LENGTH_IS_POSITION = 0xFFFF


class Opcode(enum.IntEnum):
    """What an instruction does; six bits."""

    # The unit that carries the instruction out is given by the upper bits: control, array and
    # memory 0-15, vector 16-31, scalar 32-47; 48-63 are reserved for attention.
    END = 0
    MATVEC = 1
    FILL = 2
    LOAD = 3
    STORE = 4
    MULTIPLY = 16
    ADD = 17
    SUBTRACT = 18
    SCALE = 19
    SIGMOID = 20
    SILU = 21
    INTERPOLATE = 22
    QUANTIZE = 23
    SCALAR_SET = 32
    SCALAR_MULTIPLY = 33
    SCALAR_ADD = 34
    SCALAR_RECIP = 35
    SCALAR_RSQRT = 36
    SCALAR_MULTIPLY_CONSTANT = 37
    SCALAR_ADD_CONSTANT = 38
    # Reserved: int8 dot product, weighted sum, exponential, running sum.
    DOT = 48
    WEIGHTED_SUM = 49
    EXPONENTIAL = 50
    RUNNING_SUM = 51


class ASource(enum.IntEnum):
    """Where operand a comes from."""

    VECTOR = 0
    STATE = 1


class BSource(enum.IntEnum):
    """Where operand b comes from. 16-bit constants are sign or zero extended; NONE reads as 1."""

    NONE = 0
    VECTOR = 1
    CONSTANT = 2
    CONSTANT_UNSIGNED = 3


class Target(enum.IntEnum):
    """Where results go. NONE: only the statistic is kept."""

    NONE = 0
    VECTOR = 1
    STATE = 2
    #: MATVEC only: added to what the vector memory holds at `dst`, saturated.
    RESIDUAL = 3
    #: MATVEC only: the sampler. Rows are numbered from 0 through the token, across instructions.
    LOGITS = 4


class Statistic(enum.IntEnum):
    """What is gathered over an instruction's results into the scalar register `stat`."""

    ABSMAX = 0
    SUM_SQUARES = 1


@dataclass(frozen=True)
class Field:
    """One field: ``bits`` wide, ``signed`` or not; ``enum`` names its values where it has names."""

    name: str
    bits: int
    doc: str
    signed: bool = False
    enum: type | None = None


@dataclass(frozen=True)
class Format:
    """One instruction: its fields, least significant bit first behind the opcode.

    ``payload`` says in words what follows the instruction on the tape, or is empty.
    """

    opcode: Opcode
    doc: str
    fields: tuple[Field, ...] = ()
    payload: str = ""

    @property
    def bits(self):
        """Bits of opcode and fields."""
        return 6 + sum(f.bits for f in self.fields)

    @property
    def words(self):
        """Number of 32-bit words."""
        return -(-self.bits // 32)

    def offset(self, name):
        """Return the position of the lowest bit of field ``name``."""
        at = 6
        for f in self.fields:
            if f.name == name:
                return at
            at += f.bits
        raise KeyError(name)


@dataclass(frozen=True)
class Instruction:
    """An opcode, the values of its fields by name, and the payload bytes behind it."""

    opcode: Opcode
    fields: dict = field(default_factory=dict)
    payload: bytes = b""


def _pad(bits):
    return Field("", bits, "Zero.")


_STAT = (Field("statistic", 1, "What is gathered over the results.", enum=Statistic),
         Field("stat", 6, "Scalar register that takes the statistic; 0 for none, 63 to keep it."))

_VECTOR = (
    Field("a_source", 1, "Where a comes from.", enum=ASource),
    Field("b_source", 2, "Where b comes from.", enum=BSource),
    Field("target", 3, "NONE, VECTOR or STATE.", enum=Target),
    Field("shift", 6, "Bits of the rounding right shift."),
    Field("negate", 1, "SIGMOID: take the sigmoid of -a."),
    Field("operand", 6, "SCALE, QUANTIZE: scalar register. SIGMOID, SILU: fraction bits of a."),
    *_STAT,
    Field("a", 16, "Address of a's first element."),
    Field("b", 16, "Address of b's first element."),
    Field("dst", 16, "Address of the first result."),
    Field("length", 16, "Elements, 1 or more; 0xFFFF is reserved for the slot's position + 1."),
)


def _vector(opcode, doc):
    return Format(opcode, doc, _VECTOR)


_CONSTANT = (Field("dst", 6, "Register written."), Field("a", 6, "Register read."),
             Field("exponent", 10, "e of the constant.", signed=True), _pad(4),
             Field("mantissa", 31, "m of the constant: bit 30 set, or zero."), _pad(1))

_SCALAR = (Field("dst", 6, "Register written."), Field("a", 6, "Register read."),
           Field("b", 6, "Register read."), _pad(8))

_MEMORY = (
    Field("wide", 1, "Elements in memory are int32, else int16."),
    Field("target", 3, "VECTOR or STATE: the memory that is loaded or stored.", enum=Target),
    Field("shift", 6, "LOAD: elements are shifted left by this and saturated."),
    *_STAT, _pad(9),
    Field("dst", 16, "Address of the first element in vector or state memory."),
    Field("length", 16, "Elements; in memory padded to whole bursts."),
    Field("base", 32, "Address of the first beat, a multiple of the burst."),
    Field("token_stride", 32, "Beats added for each step of the slot's token."),
    Field("slot_stride", 32, "Beats added for each slot."),
    Field("position_stride", 32, "Beats added for each step of the slot's position."),
)

#: All instructions by opcode. `round(x >> s)` is `(x + 2^(s-1)) >> s`, and x for s = 0.
INSTRUCTIONS = {f.opcode: f for f in (
    Format(Opcode.END, "End of the tape: wait for every unit, hand the sampled token on.",
           (_pad(26),)),
    Format(Opcode.MATVEC,
           "y = saturate(round(sum * scalar)) for each row, sum = ternary row . codes, exact.", (
               Field("target", 3, "VECTOR, RESIDUAL or LOGITS.", enum=Target),
               Field("operand", 6, "Scalar register that scales the sums; read at the first sum."),
               *_STAT, _pad(10),
               Field("code", 16, "Address of the first code."),
               Field("dst", 16, "Address of the first result."),
               Field("rows", 18, "Rows, 1 or more."),
               Field("cols", 14, "Columns, 1 or more."),
           ), "Row tiles of `lanes` rows; in each, for every column, ceil(tile rows / 5) bytes of "
              "five trits, first row in the least significant trit."),
    Format(Opcode.FILL, "Copy the payload to constant memory.", (
        _pad(26), Field("dst", 16, "Address of the first element."),
        Field("length", 16, "Elements, 1 or more.")), "`length` elements of 16 bits."),
    Format(Opcode.LOAD, "Copy a vector from memory: an embedding row, a saved state.", _MEMORY),
    Format(Opcode.STORE, "Copy a vector to memory.", _MEMORY),
    _vector(Opcode.MULTIPLY, "y = saturate(round(a * b >> shift))."),
    _vector(Opcode.ADD, "y = saturate(a + b)."),
    _vector(Opcode.SUBTRACT, "y = saturate(a - b)."),
    _vector(Opcode.SCALE, "y = saturate(round(a * scalar))."),
    _vector(Opcode.SIGMOID, "y = saturate(round(sigmoid(a or -a) * b >> shift))."),
    _vector(Opcode.SILU, "y = saturate(round(a * sigmoid(a) >> shift))."),
    _vector(Opcode.INTERPOLATE,
            "y = saturate(h + round(a * saturate(b - h) >> shift)), h the state at `dst`, which "
            "reads as zero while the slot's position is zero, and which is that of the slot before "
            "in a chained play. y goes to the state; a comes from "
            "vector memory."),
    _vector(Opcode.QUANTIZE,
            "code = round(a * scalar) clamped to -127 ... 127, to code memory at `dst`."),
    Format(Opcode.SCALAR_SET, "dst = constant.", _CONSTANT),
    Format(Opcode.SCALAR_MULTIPLY, "dst = a * b, truncated.", _SCALAR),
    Format(Opcode.SCALAR_ADD, "dst = a + b, the smaller operand truncated when aligned.", _SCALAR),
    Format(Opcode.SCALAR_RECIP, "dst = 1 / a, floor; 1 / 0 is 1.", _SCALAR),
    Format(Opcode.SCALAR_RSQRT, "dst = 1 / sqrt(a), floor; of 0 it is 1.", _SCALAR),
    Format(Opcode.SCALAR_MULTIPLY_CONSTANT, "dst = a * constant, truncated.", _CONSTANT),
    Format(Opcode.SCALAR_ADD_CONSTANT, "dst = a + constant.", _CONSTANT),
)}
