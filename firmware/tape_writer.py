"""Appends instructions to a tape: one method for each idiom of a program."""

import enum

from .isa import STAT_KEPT, BSource, Instruction, Opcode, Statistic, Target
from .placement import Part
from .scalar_format import ratio

__all__ = ["GAIN_SHIFT", "Register", "TapeWriter"]

#: Right shift of a product with a gain: gains have 15 bits, so it is as large as its operand.
GAIN_SHIFT = 15


class Register(enum.IntEnum):
    """Scalar registers. Register 0 drops what is written to it."""

    SQUARES = 1
    INNER_SQUARES = 2
    ABSMAX = 3
    SCALE = 4
    INVERSE = 5
    RMS = 6
    FIRST = 7
    TEMP = 8
    TOTAL = 9
    #: Scales of the projections that are worked on in turns.
    SCALE_F = 10
    SCALE_I = 11
    SCALE_G = 12


class TapeWriter:
    """A tape in the making.

    Parameters
    ----------
    model, config : what for
    constants, vectors, states : :mod:`.placement`
    pack : makes the payload of a matrix, see :func:`.packing.pack_matrix`

    Attributes
    ----------
    code : list of :class:`Instruction`
    residual, product : (:class:`Part`,), the vectors of that name
    """

    def __init__(self, model, config, constants, vectors, states, pack):
        self.model = model
        self.config = config
        self.constants = constants
        self.at = vectors
        self.states = states
        self.pack = pack
        self.code = []
        self.residual = Part(Target.VECTOR, vectors.residual, 0, model.dim),
        self.product = Part(Target.VECTOR, vectors.product, 0, model.dim),

    def op(self, opcode, payload=b"", **fields):
        """Append an instruction."""
        self.code.append(Instruction(opcode, fields, payload))

    def constant(self, name, vector, start=0, stop=None):
        """Return the address of a part of a constant, filled in from the tape if it must be."""
        if name in self.constants.at:
            return self.constants.at[name] + start
        at, part = self.constants.filled, vector[start:stop]
        self.op(Opcode.FILL, part.astype("<u2").tobytes(), dst=at, length=len(part))
        return at

    def squares(self, register, *, more=False):
        """Return the fields that gather a sum of squares, to which ``more`` is to be added."""
        return {"statistic": Statistic.SUM_SQUARES, "stat": STAT_KEPT if more else register}

    def gain(self, name, gain, vector, dst=None, statistic=Statistic.ABSMAX, stat=0):
        """Multiply a vector by a gain into ``dst``; without it for the statistic alone.

        vector, dst : tuples of :class:`Part`, as many of the same lengths
        """
        constant = self.constant(name, gain.values)
        for n, part in enumerate(vector):
            last = n == len(vector) - 1
            self.op(Opcode.MULTIPLY, a_source=part.source, b_source=BSource.CONSTANT,
                    target=dst[n].memory if dst else Target.NONE, shift=GAIN_SHIFT, a=part.at,
                    b=constant + part.start, dst=dst[n].at if dst else 0, length=part.length,
                    statistic=statistic, stat=stat if last or not stat else STAT_KEPT)

    def times(self, dst, a, constant):
        """Scalar dst = a * constant."""
        mantissa, exponent = constant
        self.op(Opcode.SCALAR_MULTIPLY_CONSTANT, dst=dst, a=a, mantissa=mantissa, exponent=exponent)

    def add_eps(self, dst, a):
        """Scalar dst = a + eps."""
        mantissa, exponent = self.model.eps
        self.op(Opcode.SCALAR_ADD_CONSTANT, dst=dst, a=a, mantissa=mantissa, exponent=exponent)

    def rms(self, dst, squares, length, fraction, before=None):
        """Scalar dst = 1 / rms of a vector with ``fraction`` bits, times the factor ``before``.

        ``before`` is the register of a positive factor that the vector still lacks.
        """
        self.times(dst, squares, ratio(1, length, -2 * fraction))
        if before is not None:
            self.op(Opcode.SCALAR_MULTIPLY, dst=Register.TEMP, a=before, b=before)
            self.op(Opcode.SCALAR_MULTIPLY, dst=dst, a=dst, b=Register.TEMP)
        self.add_eps(dst, dst)
        self.op(Opcode.SCALAR_RSQRT, dst=dst, a=dst)
        if before is not None:
            self.op(Opcode.SCALAR_MULTIPLY, dst=dst, a=dst, b=before)

    def double_norm(self, name, norm):
        """Return what emits Register.RMS = the factor of block norm and inner norm.

        Register.SQUARES holds the residual's squares.
        """
        model = self.model
        self.gain(name, norm, self.residual, **self.squares(Register.INNER_SQUARES))
        fraction = model.residual_fraction + norm.fraction - GAIN_SHIFT

        def emit():
            self.rms(Register.FIRST, Register.SQUARES, model.dim, model.residual_fraction)
            self.rms(Register.RMS, Register.INNER_SQUARES, model.dim, fraction,
                     before=Register.FIRST)
        return emit

    def prepare(self, name, gain, vector, dst, fraction):
        """Multiply a vector by a gain into ``dst``; Register.ABSMAX keeps its size.

        The factor for its codes takes the scalar unit a while: another vector instruction should
        come before :meth:`quantize`, if there is one. Returns the product's fraction.
        """
        self.gain(name, gain, vector, dst, Statistic.ABSMAX, Register.ABSMAX)
        self.op(Opcode.SCALAR_RECIP, dst=Register.INVERSE, a=Register.ABSMAX)
        self.times(Register.INVERSE, Register.INVERSE, ratio(127))
        return fraction + gain.fraction - GAIN_SHIFT

    def quantize(self, vector, rms=None, code=0):
        """Make the codes of a vector that was prepared.

        ``rms`` emits scalars that are not needed before the projection's first result: they stand
        where the vector engine and the array have work for as long as they take.
        """
        for part in vector:
            self.op(Opcode.QUANTIZE, a_source=part.source, a=part.at, dst=code + part.start,
                    length=part.length, operand=Register.INVERSE)
        if rms:
            rms()

    def scale(self, rms, scale, fraction_in, fraction_out, dst=Register.SCALE):
        """Scalar dst = what one unit of a sum is, in units of the output's last bit."""
        mantissa, exponent = scale
        unit = ratio(mantissa, 127, exponent - fraction_in + fraction_out)
        self.times(dst, Register.ABSMAX, unit)
        self.op(Opcode.SCALAR_MULTIPLY, dst=dst, a=dst, b=rms)

    def matvec(self, trits, dst=0, target=Target.VECTOR, scale=Register.SCALE, code=0, **stat):
        """Multiply codes by a matrix."""
        rows, cols = trits.shape
        self.op(Opcode.MATVEC, self.pack(trits, self.config.lanes), target=target, operand=scale,
                code=code, dst=dst, rows=rows, cols=cols, **stat)

    def move_state(self, opcode, layer, start, stop):
        """LOAD or STORE a part of a layer's streamed state."""
        self.code.append(self.states.move(opcode, layer, start, stop, self.config))
