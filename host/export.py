"""From a float checkpoint to the integer Model: ternarise, calibrate, choose number formats."""

from math import ceil, log2

import numpy as np

from trine.firmware.model import Formats, Gain, Layer, Model, Projection
from trine.sim.golden.scalar import from_float
from trine.sim.reference import Reference, ternarize

__all__ = ["calibrate", "export", "fraction_bits"]

#: Bits kept free above the largest magnitude that calibration saw.
HEADROOM = 3
#: No vector needs more fraction bits: the sigmoid takes 22, and products must not lose their shift.
MAX_FRACTION = 24


def fraction_bits(largest, *, bits=31, headroom=HEADROOM, most=MAX_FRACTION):
    """Return the fraction bits with which ``largest`` leaves ``headroom`` of ``bits`` free."""
    return min(most, bits - headroom - max(-8, ceil(log2(max(largest, 2.0**-40)))))


def _integers(values, fraction, dtype):
    limits = np.iinfo(dtype)
    scaled = np.rint(np.asarray(values, np.float64) * 2.0**fraction)
    return np.clip(scaled, limits.min, limits.max).astype(dtype)


def _gain(values):
    values = np.asarray(values, np.float64)
    fraction = 15 - ceil(log2(max(np.abs(values).max(), 2.0**-40)))
    if np.rint(np.abs(values).max() * 2.0**fraction) > 32767:
        fraction -= 1
    return Gain(values=_integers(values, fraction, np.int16), fraction=fraction)


def calibrate(reference, tokens, window=256):
    """Return the largest magnitude of every watched vector over ``tokens``, by name."""
    largest = {}

    def watch(name, values):
        largest[name] = max(largest.get(name, 0.0), float(np.abs(values).max()))

    state = reference.zero_state()
    for start in range(0, len(tokens), window):
        _, state = reference.forward(tokens[start:start + window], state, watch)
    return largest


def _projection(tensors, name, *norms):
    trits, scale = ternarize(tensors[f"{name}.weight"])
    gain = np.asarray(tensors[f"{name}.norm.weight"], np.float64)
    for norm in norms:
        gain = gain * np.asarray(tensors[norm], np.float64)
    return Projection(trits=trits, scale=from_float(scale), gain=_gain(gain))


def _layer(tensors, n, reference, largest):
    name, lower = f"model.layers.{n}.", reference.lower_bounds[n]
    attn, mlp = f"{name}attn_norm.weight", f"{name}mlp_norm.weight"
    formats = {key: fraction_bits(largest[f"layers.{n}.{key}"])
               for key in ("f", "i", "g", "state", "o", "gate_up", "z")}
    # A product can't have more fraction bits than its operands together.
    formats["z"] = min(formats["z"], 2 * formats["gate_up"])
    return Layer(
        attn_norm=_gain(tensors[attn]),
        f=_projection(tensors, f"{name}attn.f_proj", attn),
        i=_projection(tensors, f"{name}attn.i_proj", attn),
        g=_projection(tensors, f"{name}attn.g_proj", attn),
        g_norm=_gain(tensors[f"{name}attn.g_norm.weight"]),
        o=_projection(tensors, f"{name}attn.o_proj"),
        forget_scale=_integers(1 - lower, 16, np.uint16) if lower.any() else None,
        mlp_norm=_gain(tensors[mlp]),
        gate_up=_projection(tensors, f"{name}mlp.gate_proj", mlp),
        down=_projection(tensors, f"{name}mlp.down_proj"),
        formats=Formats(**formats))


def export(tensors, config, sample):
    """Return the integer :class:`Model` of a checkpoint.

    Parameters
    ----------
    tensors : dict of str to float arrays, the Hugging Face layout's keys
    config : dict, its config.json
    sample : list of int, tokens over which the number formats are calibrated

    Raises
    ------
    ValueError
        Where a matrix has no weight that is not zero, or a tensor is not finite.
    """
    for key, tensor in tensors.items():
        if not np.isfinite(np.asarray(tensor, np.float32)).all():
            raise ValueError(f"Tensor {key} holds values that are not finite; train again from an "
                             f"earlier checkpoint")
    reference = Reference(tensors, config)
    largest = calibrate(reference, sample)
    embedding = reference.embedding
    fraction = fraction_bits(np.abs(embedding).max(), bits=15, headroom=0)
    residual = max(fraction_bits(max(largest["residual"], np.abs(embedding).max())), fraction)
    model = Model(
        embedding=_integers(embedding, fraction, np.int16), embedding_fraction=fraction,
        residual_fraction=residual,
        layers=tuple(_layer(tensors, n, reference, largest) for n in range(reference.n_layers)),
        norm=_gain(tensors["model.norm.weight"]),
        head=_projection(tensors, "lm_head", "model.norm.weight"),
        eps=from_float(config["rms_norm_eps"]))
    for name, projection in model.projections.items():
        if not projection.trits.any():
            raise ValueError(f"All weights of {name} are zero once ternarised")
    return model
