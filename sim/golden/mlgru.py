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

__all__ = ["MLGRU"]


class MLGRU:
    """A model with its recurrent state.

    state : int64 (n_layers, dim), each layer's h with its ``formats.state`` fraction bits
    """

    def __init__(self, model):
        self.model = model
        self.matrices = {name: Matrix(p.trits) for name, p in model.projections.items()}
        self.reset()

    def reset(self):
        """Forget everything: state and position."""
        self.state = np.zeros((self.model.n_layers, self.model.dim), np.int64)

    def _rms(self, squares, length, fraction, before=None):
        mean = scalar.multiply(squares, ratio(1, length, -2 * fraction))
        if before is not None:
            mean = scalar.multiply(mean, scalar.multiply(before, before))
        rms = scalar.rsqrt(scalar.add(mean, self.model.eps))
        return rms if before is None else scalar.multiply(rms, before)

    def _double_norm(self, r, norm):
        """Return the factor of a block norm and the inner norm behind it."""
        fraction = self.model.residual_fraction
        first = self._rms(vector.statistic(True, r), len(r), fraction)
        product = vector.multiply(r, norm.values.astype(np.int64), GAIN_SHIFT)
        return self._rms(vector.statistic(True, product), len(r),
                         fraction + norm.fraction - GAIN_SHIFT, first)

    def _project(self, name, projection, v, fraction, rms, fraction_out):
        """Return the projection of v * rms with ``fraction_out`` bits."""
        gain = projection.gain
        product = vector.multiply(v, gain.values.astype(np.int64), GAIN_SHIFT)
        fraction += gain.fraction - GAIN_SHIFT
        absmax = vector.statistic(False, product)
        codes = vector.quantize(product, scalar.multiply(scalar.recip(absmax), ratio(127)))
        mantissa, exponent = projection.scale
        unit = scalar.multiply(absmax, ratio(mantissa, 127, exponent - fraction + fraction_out))
        return vector.scaled(self.matrices[name](codes), scalar.multiply(unit, rms))

    def _token_mixer(self, n, layer, r):
        model, formats, name = self.model, layer.formats, f"layers.{n}."
        rms = self._double_norm(r, layer.attn_norm)
        f, i, g = (self._project(name + key, getattr(layer, key), r, model.residual_fraction, rms,
                                 getattr(formats, key)) for key in ("f", "i", "g"))
        if layer.forget_scale is None:
            forget = vector.sigmoid_multiply(f, 1, 0, formats.f, True)
        else:
            forget = vector.sigmoid_multiply(f, layer.forget_scale.astype(np.int64), 16, formats.f,
                                             True)
        write = vector.silu(i, SIGMOID_FRACTION + formats.i - formats.state, formats.i)
        h = vector.interpolate(self.state[n], forget, write, SIGMOID_FRACTION)
        self.state[n] = h
        rms_g = self._rms(vector.statistic(True, g), model.dim, formats.g)
        g = vector.multiply(g, layer.g_norm.values.astype(np.int64), GAIN_SHIFT)
        product = formats.g + layer.g_norm.fraction - GAIN_SHIFT + formats.state
        o = vector.multiply(g, vector.silu(h, SIGMOID_FRACTION, formats.state), product - formats.o)
        rms = self._rms(vector.statistic(True, o), model.dim, formats.o, rms_g)
        return vector.add(r, self._project(f"{name}o", layer.o, o, formats.o, rms,
                                           model.residual_fraction))

    def _channel_mixer(self, n, layer, r):
        model, formats, name = self.model, layer.formats, f"layers.{n}."
        rms = self._double_norm(r, layer.mlp_norm)
        x = self._project(f"{name}gate_up", layer.gate_up, r, model.residual_fraction, rms,
                          formats.gate_up)
        gate, up = x[:model.hidden_dim], x[model.hidden_dim:]
        z = vector.multiply(vector.silu(gate, SIGMOID_FRACTION, formats.gate_up), up,
                            2 * formats.gate_up - formats.z)
        rms = self._rms(vector.statistic(True, z), model.hidden_dim, formats.z)
        return vector.add(r, self._project(f"{name}down", layer.down, z, formats.z, rms,
                                           model.residual_fraction))

    def step(self, token):
        """Take one token; return its logits, int64 (vocab_size,) with 16 fraction bits."""
        model = self.model
        shift = model.residual_fraction - model.embedding_fraction
        r = vector.saturate(model.embedding[token].astype(np.int64) << shift)
        for n, layer in enumerate(model.layers):
            r = self._token_mixer(n, layer, r)
            r = self._channel_mixer(n, layer, r)
        rms = self._double_norm(r, model.norm)
        return self._project("head", model.head, r, model.residual_fraction, rms, LOGIT_FRACTION)
