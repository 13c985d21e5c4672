"""The tape program of the MatMul-free LM: MLGRU token mixer, GLU channel mixer, ternary head.

Identities used (arXiv 2406.02528, section 3; the checkpoint's own order of operations):
int8 codes do not depend on the RMS, which enters the scale of the projection's output alone; two
norms in a row fold into one gain for the codes; positive factors pass through quantisation, so
the RMS of g is multiplied into the scale of o; h moves by (1 - f) * (silu(i) - h).
"""

from dataclasses import dataclass, field

from .config import Config
from .isa import (
    LOGIT_FRACTION,
    SIGMOID_FRACTION,
    ASource,
    BSource,
    Instruction,
    Opcode,
    Statistic,
    Target,
)
from .packing import pack_matrix
from .scalar_format import ratio

__all__ = ["GAIN_SHIFT", "Constants", "Vectors", "mlgru_token"]

#: Right shift of a product with a gain: gains have 15 bits, so it is as large as its operand.
GAIN_SHIFT = 15

# Scalar registers. 0 is the one that drops what is written to it.
(_SQUARES, _INNER_SQUARES, _ABSMAX, _SCALE, _INVERSE, _RMS, _FIRST, _TEMP,
 _TOTAL) = range(1, 10)


@dataclass
class Vectors:
    """Addresses in vector memory, counted in elements; ``words`` is what the program needs.

    Vectors are as long as whole rows of the memory: so are the lengths given.
    """

    dim: int
    hidden_dim: int
    chunk: int
    residual: int = 0
    words: int = field(init=False)

    def __post_init__(self):
        d = self.dim
        # The token mixer uses four vectors of dim, the channel mixer z and two chunks, over them.
        self.f, self.i, self.g, self.temp = (d * n for n in range(1, 5))
        self.z = d
        self.gate = d + self.hidden_dim
        self.up = self.gate + self.chunk
        self.words = max(5 * d, self.up + self.chunk, d + self.hidden_dim)


@dataclass
class Constants:
    """Constant memory: where each vector lies.

    All lie there for good where they fit. Else the longest do, and the others stand in the tape:
    each is filled in just before its use, behind those that stay.

    at : addresses of the vectors that stay; filled : address for the others; size : what all of
    them would take
    """

    config: Config
    at: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    filled: int = 0
    size: int = 0

    def add(self, name, vector):
        """Add ``vector``."""
        self.values[name] = vector
        self.size += self.config.aligned(len(vector))

    def settle(self):
        """Decide which vectors stay, once all are added."""
        words = self.config.constant_words
        names = list(self.values)
        if self.size > words:
            names.sort(key=lambda name: -len(self.values[name]))
        sizes = [self.config.aligned(len(self.values[name])) for name in names] + [0]
        for n, name in enumerate(names):
            # The longest of those behind must still have room.
            if self.size > words and self.filled + sizes[n] + sizes[n + 1] > words:
                break
            self.at[name] = self.filled
            self.filled += sizes[n]


class _Writer:
    """Appends instructions; one method for each idiom of the program."""

    def __init__(self, model, config, constants, vectors, pack):
        self.pack = pack
        self.model = model
        self.config = config
        self.constants = constants
        self.at = vectors
        self.code = []

    def op(self, opcode, payload=b"", **fields):
        self.code.append(Instruction(opcode, fields, payload))

    def constant(self, name, vector):
        """Return the address of a constant vector, filled in from the tape if it must be."""
        if name in self.constants.at:
            return self.constants.at[name]
        at = self.constants.filled
        self.op(Opcode.FILL, vector.astype("<u2").tobytes(), dst=at, length=len(vector))
        return at

    def gain(self, name, gain, a, dst=None, **stat):
        """Multiply a by a gain into dst; without dst for the statistic alone."""
        self.op(Opcode.MULTIPLY, a_source=ASource.VECTOR, b_source=BSource.CONSTANT,
                target=Target.NONE if dst is None else Target.VECTOR, shift=GAIN_SHIFT, a=a,
                b=self.constant(name, gain.values), dst=dst or 0, length=len(gain.values), **stat)

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
            self.op(Opcode.SCALAR_MULTIPLY, dst=_TEMP, a=before, b=before)
            self.op(Opcode.SCALAR_MULTIPLY, dst=dst, a=dst, b=_TEMP)
        self.add_eps(dst, dst)
        self.op(Opcode.SCALAR_RSQRT, dst=dst, a=dst)
        if before is not None:
            self.op(Opcode.SCALAR_MULTIPLY, dst=dst, a=dst, b=before)

    def double_norm(self, name, norm):
        """Return what emits _RMS = the factor of block norm and inner norm.

        _SQUARES holds the residual's squares.
        """
        model = self.model
        self.gain(name, norm, self.at.residual, statistic=Statistic.SUM_SQUARES,
                  stat=_INNER_SQUARES)
        fraction = model.residual_fraction + norm.fraction - GAIN_SHIFT

        def emit():
            self.rms(_FIRST, _SQUARES, model.dim, model.residual_fraction)
            self.rms(_RMS, _INNER_SQUARES, model.dim, fraction, before=_FIRST)
        return emit

    def prepare(self, name, gain, a, dst, fraction):
        """Multiply a by a gain into dst; _ABSMAX keeps its size. Return the product's fraction.

        The factor for its codes takes the scalar unit a while: another vector instruction should
        come before :meth:`quantize`, if there is one.
        """
        self.gain(name, gain, a, dst, statistic=Statistic.ABSMAX, stat=_ABSMAX)
        self.op(Opcode.SCALAR_RECIP, dst=_INVERSE, a=_ABSMAX)
        self.times(_INVERSE, _INVERSE, ratio(127))
        return fraction + gain.fraction - GAIN_SHIFT

    def quantize(self, a, length, rms=None):
        """Make the codes of a vector that was prepared.

        ``rms`` emits scalars that are not needed before the projection's first result: they stand
        where the vector engine and the array have work for as long as they take.
        """
        self.op(Opcode.QUANTIZE, a=a, dst=0, length=length, operand=_INVERSE)
        if rms:
            rms()

    def scale(self, rms, scale, fraction_in, fraction_out):
        """_SCALE = what one unit of a sum stands for, in units of the output's last bit."""
        mantissa, exponent = scale
        self.times(_SCALE, _ABSMAX, ratio(mantissa, 127, exponent - fraction_in + fraction_out))
        self.op(Opcode.SCALAR_MULTIPLY, dst=_SCALE, a=_SCALE, b=rms)

    def matvec(self, trits, dst=0, target=Target.VECTOR, **stat):
        rows, cols = trits.shape
        self.op(Opcode.MATVEC, self.pack(trits, self.config.lanes), target=target,
                operand=_SCALE, code=0, dst=dst, rows=rows, cols=cols, **stat)


def _token_mixer(w, n, layer):
    model, at, formats, d = w.model, w.at, layer.formats, w.model.dim
    name = f"layers.{n}."

    def prepare(key):
        return w.prepare(f"{name}{key}", getattr(layer, key).gain, at.residual, at.temp,
                         model.residual_fraction)

    def project(key, fraction, dst, fraction_out, rms=None, **stat):
        projection = getattr(layer, key)
        w.quantize(at.temp, d, rms)
        w.scale(_RMS, projection.scale, fraction, fraction_out)
        w.matvec(projection.trits, dst, **stat)

    fraction = prepare("f")
    rms = w.double_norm(f"{name}attn_norm", layer.attn_norm)
    project("f", fraction, at.f, formats.f, rms)
    fraction = prepare("i")
    if layer.forget_scale is None:
        w.op(Opcode.SIGMOID, target=Target.VECTOR, negate=1, operand=formats.f, a=at.f, dst=at.f,
             length=d)
    else:
        w.op(Opcode.SIGMOID, b_source=BSource.CONSTANT_UNSIGNED, target=Target.VECTOR, shift=16,
             negate=1, operand=formats.f, a=at.f,
             b=w.constant(f"{name}forget_scale", layer.forget_scale), dst=at.f, length=d)
    project("i", fraction, at.i, formats.i)
    fraction = prepare("g")
    w.op(Opcode.SILU, target=Target.VECTOR, shift=SIGMOID_FRACTION + formats.i - formats.state,
         operand=formats.i, a=at.i, dst=at.i, length=d)
    w.op(Opcode.INTERPOLATE, b_source=BSource.VECTOR, target=Target.STATE, shift=SIGMOID_FRACTION,
         a=at.f, b=at.i, dst=n * at.dim, length=d)
    project("g", fraction, at.g, formats.g, statistic=Statistic.SUM_SQUARES, stat=_SQUARES)
    w.rms(_FIRST, _SQUARES, d, formats.g)
    w.gain(f"{name}g_norm", layer.g_norm, at.g, at.g)
    w.op(Opcode.SILU, a_source=ASource.STATE, target=Target.VECTOR, shift=SIGMOID_FRACTION,
         operand=formats.state, a=n * at.dim, dst=at.f, length=d)
    product = formats.g + layer.g_norm.fraction - GAIN_SHIFT + formats.state
    w.op(Opcode.MULTIPLY, b_source=BSource.VECTOR, target=Target.VECTOR,
         shift=product - formats.o, a=at.g, b=at.f, dst=at.g, length=d,
         statistic=Statistic.SUM_SQUARES, stat=_SQUARES)
    fraction = w.prepare(f"{name}o", layer.o.gain, at.g, at.temp, formats.o)
    w.quantize(at.temp, d, lambda: w.rms(_RMS, _SQUARES, d, formats.o, before=_FIRST))
    w.scale(_RMS, layer.o.scale, fraction, model.residual_fraction)
    w.matvec(layer.o.trits, at.residual, Target.RESIDUAL,
             statistic=Statistic.SUM_SQUARES, stat=_SQUARES)


def _channel_mixer(w, n, layer):
    model, at, formats, width = w.model, w.at, layer.formats, w.model.hidden_dim
    name = f"layers.{n}."
    fraction = w.prepare(f"{name}gate_up", layer.gate_up.gain, at.residual, at.z,
                         model.residual_fraction)
    w.quantize(at.z, model.dim, w.double_norm(f"{name}mlp_norm", layer.mlp_norm))
    w.scale(_RMS, layer.gate_up.scale, fraction, formats.gate_up)
    for start in range(0, width, at.chunk):
        stop = min(start + at.chunk, width)
        w.matvec(layer.gate_up.trits[start:stop], at.gate)
        w.matvec(layer.gate_up.trits[width + start:width + stop], at.up)
        w.op(Opcode.SILU, target=Target.VECTOR, shift=SIGMOID_FRACTION, operand=formats.gate_up,
             a=at.gate, dst=at.gate, length=stop - start)
        w.op(Opcode.MULTIPLY, b_source=BSource.VECTOR, target=Target.VECTOR,
             shift=2 * formats.gate_up - formats.z, a=at.gate, b=at.up, dst=at.z + start,
             length=stop - start, statistic=Statistic.SUM_SQUARES, stat=_SQUARES)
        if at.chunk < width:
            total = _TOTAL if start else 0
            w.op(Opcode.SCALAR_ADD, dst=_TOTAL, a=_SQUARES, b=total)
    squares = _SQUARES if at.chunk >= width else _TOTAL
    fraction = w.prepare(f"{name}down", layer.down.gain, at.z, at.z, formats.z)
    w.quantize(at.z, width, lambda: w.rms(_RMS, squares, width, formats.z))
    w.scale(_RMS, layer.down.scale, fraction, model.residual_fraction)
    w.matvec(layer.down.trits, at.residual, Target.RESIDUAL,
             statistic=Statistic.SUM_SQUARES, stat=_SQUARES)


def mlgru_token(model, config, constants, vectors, embedding, pack=pack_matrix):
    """Return the instructions of one token: embedding row, blocks, head, END.

    ``embedding`` gives the fields `base` and `token_stride` of the embedding's LOAD; ``pack`` makes
    the payload of a matrix.
    """
    w = _Writer(model, config, constants, vectors, pack)
    w.op(Opcode.LOAD, target=Target.VECTOR, dst=vectors.residual, length=model.dim,
         shift=model.residual_fraction - model.embedding_fraction,
         statistic=Statistic.SUM_SQUARES, stat=_SQUARES, **embedding)
    for n, layer in enumerate(model.layers):
        _token_mixer(w, n, layer)
        _channel_mixer(w, n, layer)
    fraction = w.prepare("head", model.head.gain, vectors.residual, vectors.dim,
                         model.residual_fraction)
    w.quantize(vectors.dim, model.dim, w.double_norm("norm", model.norm))
    w.scale(_RMS, model.head.scale, fraction, LOGIT_FRACTION)
    w.matvec(model.head.trits, target=Target.LOGITS)
    w.op(Opcode.END)
    return w.code
