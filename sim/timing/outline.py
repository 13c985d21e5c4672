"""Tapes of models of which nothing but the shape is known."""

import numpy as np

from trine.firmware.isa import (
    ASource,
    BSource,
    Instruction,
    Opcode,
    Statistic,
    Target,
)
from trine.firmware.model import Formats, Gain, Layer, Model, Projection

__all__ = ["projections_code", "shape_model"]

_ONE = (1 << 30, -30)
#: Scalar registers: absolute maximum, its reciprocal, scale of the sums.
_ABSMAX, _INVERSE, _SCALE = 1, 2, 3


def shape_model(*, layers, dim, hidden, vocab):
    """Return an MLGRU :class:`Model` of zeros that take no memory, to be outlined."""
    def gain(n):
        return Gain(values=np.broadcast_to(np.int16(0), n), fraction=15)

    def projection(rows, cols):
        return Projection(trits=np.broadcast_to(np.int8(0), (rows, cols)), scale=_ONE,
                          gain=gain(cols))

    square, norm = projection(dim, dim), gain(dim)
    formats = Formats(f=20, i=20, g=20, state=20, o=20, gate_up=20, z=20)
    layer = Layer(attn_norm=norm, f=square, i=square, g=square, g_norm=norm, o=square,
                  forget_scale=np.broadcast_to(np.uint16(0), dim), mlp_norm=norm,
                  gate_up=projection(2 * hidden, dim), down=projection(dim, hidden),
                  formats=formats)
    return Model(embedding=np.broadcast_to(np.int16(0), (vocab, dim)), embedding_fraction=15,
                 residual_fraction=20, layers=(layer,) * layers, norm=norm,
                 head=projection(vocab, dim), eps=_ONE)


def projections_code(matrices):
    """Return a tape of projections alone: each one's input is quantised, its output scaled.

    matrices : (rows, cols) of each, in the order of their use
    """
    code = []
    for rows, cols in matrices:
        fields = {"a_source": ASource.VECTOR, "b_source": BSource.CONSTANT, "shift": 15, "a": 0,
                  "b": 0, "dst": 0, "length": cols}
        code += [
            Instruction(Opcode.MULTIPLY, fields | {
                "target": Target.VECTOR, "statistic": Statistic.ABSMAX, "stat": _ABSMAX}),
            Instruction(Opcode.SCALAR_RECIP, {"dst": _INVERSE, "a": _ABSMAX}),
            Instruction(Opcode.SCALAR_MULTIPLY_CONSTANT, {"dst": _INVERSE, "a": _INVERSE}),
            Instruction(Opcode.QUANTIZE, fields | {"operand": _INVERSE}),
            Instruction(Opcode.SCALAR_MULTIPLY_CONSTANT, {"dst": _SCALE, "a": _ABSMAX}),
            Instruction(Opcode.MATVEC, {"target": Target.VECTOR, "operand": _SCALE, "code": 0,
                                        "dst": 0, "rows": rows, "cols": cols}),
        ]
    return [*code, Instruction(Opcode.END)]

