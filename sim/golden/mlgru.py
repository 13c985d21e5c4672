"""Golden model of a whole token, composed from the Model without a tape.

The tape's composition is :mod:`.machine`; that both agree in every integer is what the compiler is
trusted for. Integers throughout: vectors are int64 arrays that hold int32, scalars are (m, e).
"""

import numpy as np

from trine.firmware.isa import LOGIT_FRACTION, SIGMOID_FRACTION
from trine.firmware.program import GAIN_SHIFT
from trine.firmware.scalar_format import ratio

from . import scalar, vector
from .matrix import Matrix

__all__ = ["MLGRU", "Block", "Embedding", "Head"]


def _ignore(name, values, fraction):
    """Watch nothing."""


class _Part:
    """What the parts of a model share.

    Every ``step`` takes ``watch(name, values, fraction)``, which is called with each result that
    the machine writes, so with each that it may count as saturated, and with the int8 codes.

    residual_fraction : fraction bits of the residual stream; eps : (m, e)
    """

    def __init__(self, residual_fraction, eps):
        self.residual_fraction, self.eps = residual_fraction, eps

    def _rms(self, squares, length, fraction, before=None):
        mean = scalar.multiply(squares, ratio(1, length, -2 * fraction))
        if before is not None:
            mean = scalar.multiply(mean, scalar.multiply(before, before))
        rms = scalar.rsqrt(scalar.add(mean, self.eps))
        return rms if before is None else scalar.multiply(rms, before)

    def _double_norm(self, r, norm, watch):
        """Return the factor of a block norm and the inner norm behind it."""
        fraction = self.residual_fraction
        first = self._rms(vector.statistic(True, r), len(r), fraction)
        product = vector.multiply(r, norm.values.astype(np.int64), GAIN_SHIFT)
        watch("norm", product, fraction + norm.fraction - GAIN_SHIFT)
        return self._rms(vector.statistic(True, product), len(r),
                         fraction + norm.fraction - GAIN_SHIFT, first)

    @staticmethod
    def _project(name, matrix, projection, v, fraction, rms, fraction_out, watch):
        """Return the projection of v * rms with ``fraction_out`` bits."""
        gain = projection.gain
        product = vector.multiply(v, gain.values.astype(np.int64), GAIN_SHIFT)
        fraction += gain.fraction - GAIN_SHIFT
        watch(f"{name}.product", product, fraction)
        absmax = vector.statistic(False, product)
        codes = vector.quantize(product, scalar.multiply(scalar.recip(absmax), ratio(127)))
        watch(f"{name}.codes", codes, 0)
        mantissa, exponent = projection.scale
        unit = scalar.multiply(absmax, ratio(mantissa, 127, exponent - fraction + fraction_out))
        return vector.scaled(matrix(codes), scalar.multiply(unit, rms))


class Embedding:
    """The table of a model.

    table : int16 (vocab_size, dim) with ``fraction`` bits
    """

    def __init__(self, table, fraction, residual_fraction):
        self.table, self.shift = table, residual_fraction - fraction
        self.residual_fraction = residual_fraction

    def step(self, token, watch=_ignore):
        """Return the residual of one token, int64 (dim,)."""
        r = vector.saturate(self.table[token].astype(np.int64) << self.shift)
        watch("embedding", r, self.residual_fraction)
        return r


class Block(_Part):
    """A layer: token mixer and channel mixer.

    layer : :class:`trine.firmware.model.Layer`
    """

    def __init__(self, layer, residual_fraction, eps):
        super().__init__(residual_fraction, eps)
        self.layer = layer
        self.matrices = {name: Matrix(getattr(layer, name).trits)
                         for name in ("f", "i", "g", "o", "gate_up", "down")}

    def _apply(self, name, v, fraction, rms, fraction_out, watch):
        return self._project(name, self.matrices[name], getattr(self.layer, name), v, fraction,
                             rms, fraction_out, watch)

    def _token_mixer(self, r, h, watch):
        layer, formats = self.layer, self.layer.formats
        rms = self._double_norm(r, layer.attn_norm, watch)
        f, i, g = (self._apply(key, r, self.residual_fraction, rms, getattr(formats, key), watch)
                   for key in ("f", "i", "g"))
        scale, shift = ((1, 0) if layer.forget_scale is None
                        else (layer.forget_scale.astype(np.int64), 16))
        forget = vector.sigmoid_multiply(f, scale, shift, formats.f, True)
        write = vector.silu(i, SIGMOID_FRACTION + formats.i - formats.state, formats.i)
        h = vector.interpolate(h, forget, write, SIGMOID_FRACTION)
        rms_g = self._rms(vector.statistic(True, g), len(r), formats.g)
        gated = vector.multiply(g, layer.g_norm.values.astype(np.int64), GAIN_SHIFT)
        product = formats.g + layer.g_norm.fraction - GAIN_SHIFT + formats.state
        silu = vector.silu(h, SIGMOID_FRACTION, formats.state)
        o = vector.multiply(gated, silu, product - formats.o)
        for name, values, fraction in (
                ("f", f, formats.f), ("forget", forget, SIGMOID_FRACTION), ("i", i, formats.i),
                ("write", write, formats.state), ("state", h, formats.state), ("g", g, formats.g),
                ("gated", gated, product - formats.state), ("silu", silu, formats.state),
                ("o", o, formats.o)):
            watch(name, values, fraction)
        rms = self._rms(vector.statistic(True, o), len(r), formats.o, rms_g)
        r = vector.add(r, self._apply("o", o, formats.o, rms, self.residual_fraction, watch))
        watch("mixed", r, self.residual_fraction)
        return r, h

    def _channel_mixer(self, r, watch):
        layer, formats = self.layer, self.layer.formats
        rms = self._double_norm(r, layer.mlp_norm, watch)
        x = self._apply("gate_up", r, self.residual_fraction, rms, formats.gate_up, watch)
        gate, up = np.split(x, 2)
        silu = vector.silu(gate, SIGMOID_FRACTION, formats.gate_up)
        z = vector.multiply(silu, up, 2 * formats.gate_up - formats.z)
        for name, values, fraction in (("gate_up", x, formats.gate_up),
                                       ("silu", silu, formats.gate_up), ("z", z, formats.z)):
            watch(name, values, fraction)
        rms = self._rms(vector.statistic(True, z), len(z), formats.z)
        r = vector.add(r, self._apply("down", z, formats.z, rms, self.residual_fraction, watch))
        watch("residual", r, self.residual_fraction)
        return r

    def step(self, r, h, watch=_ignore):
        """Return the residual behind the block and the new state, both int64 (dim,)."""
        r, h = self._token_mixer(r, h, watch)
        return self._channel_mixer(r, watch), h


class Head(_Part):
    """The last norm and the head.

    norm : :class:`trine.firmware.model.Gain`; projection : Projection
    """

    def __init__(self, norm, projection, residual_fraction, eps):
        super().__init__(residual_fraction, eps)
        self.norm, self.projection = norm, projection
        self.matrix = Matrix(projection.trits)

    def step(self, r, watch=_ignore):
        """Return the logits, int64 (vocab_size,) with 16 fraction bits."""
        rms = self._double_norm(r, self.norm, watch)
        logits = self._project("head", self.matrix, self.projection, r, self.residual_fraction,
                               rms, LOGIT_FRACTION, watch)
        watch("logits", logits, LOGIT_FRACTION)
        return logits


class MLGRU:
    """A model with its recurrent state.

    state : int64 (n_layers, dim), each layer's h with its ``formats.state`` fraction bits
    """

    def __init__(self, model):
        bits, eps = model.residual_fraction, model.eps
        self.model = model
        self.embedding = Embedding(model.embedding, model.embedding_fraction, bits)
        self.blocks = [Block(layer, bits, eps) for layer in model.layers]
        self.head = Head(model.norm, model.head, bits, eps)
        self.reset()

    def reset(self):
        """Forget everything: state and position."""
        self.state = np.zeros((self.model.n_layers, self.model.dim), np.int64)

    def step(self, token, watch=None):
        """Take one token; return its logits, int64 (vocab_size,) with 16 fraction bits.

        ``watch(name, values, fraction)`` is called with each result that the machine writes, those
        of the blocks as ``layers.<n>.<name>``, and with the int8 codes.
        """
        watch = watch or _ignore
        r = self.embedding.step(token, watch)
        for n, block in enumerate(self.blocks):
            r, self.state[n] = block.step(
                r, self.state[n], lambda name, *values, n=n: watch(f"layers.{n}.{name}", *values))
        return self.head.step(r, watch)
