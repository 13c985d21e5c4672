"""The tape program of the MatMul-free LM: MLGRU token mixer, GLU channel mixer, ternary head.

Identities used (arXiv 2406.02528, section 3; the checkpoint's own order of operations):
int8 codes do not depend on the RMS, which enters the scale of the projection's output alone; two
norms in a row fold into one gain for the codes; positive factors pass through quantisation, so
the RMS of g is multiplied into the scale of o; h moves by (1 - f) * (silu(i) - h).
"""

from .isa import LOGIT_FRACTION, SIGMOID_FRACTION, ASource, BSource, Opcode, Target
from .packing import pack_matrix
from .tape_writer import GAIN_SHIFT, Register, TapeWriter

__all__ = ["GAIN_SHIFT", "mlgru_token", "product_shifts"]

#: Parts in which a layer's streamed state is stored.
_STORES = 2
_SCALES = {"f": Register.SCALE_F, "i": Register.SCALE_I, "g": Register.SCALE_G}


def product_shifts(formats, g_norm_fraction):
    """Return the shifts of a layer's products by the vector made; a machine's are 0 to 63.

    formats : :class:`.model.Formats`; g_norm_fraction : fraction bits of the gain g_norm
    """
    product = formats.g + g_norm_fraction - GAIN_SHIFT + formats.state
    return {"state": SIGMOID_FRACTION + formats.i - formats.state, "o": product - formats.o,
            "z": 2 * formats.gate_up - formats.z}


def _pieces(length, size):
    """Return (start, stop) of the pieces of a vector, each ``size`` long but the last."""
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _token_mixer(w, n, layer):
    model, at, formats, d = w.model, w.at, layer.formats, w.model.dim
    name, state = f"layers.{n}.", w.states.at(n)
    codes = dict(zip("fig", at.codes))

    def prepare(key):
        return w.prepare(f"{name}{key}", getattr(layer, key).gain, w.residual, w.product,
                         model.residual_fraction)

    def quantize(key, fraction, rms=None):
        w.quantize(w.product, rms, codes[key])
        w.scale(Register.RMS, getattr(layer, key).scale, fraction, getattr(formats, key),
                _SCALES[key])

    def project(key, dst, start, stop, **stat):
        w.matvec(getattr(layer, key).trits[start:stop], dst, scale=_SCALES[key], code=codes[key],
                 **stat)

    # Codes are made where scalars leave time for them, while first and last rows are worked on.
    fraction = prepare("f")
    quantize("f", fraction, w.double_norm(f"{name}attn_norm", layer.attn_norm))
    for start, stop in _pieces(d, at.rows):
        length = stop - start
        project("f", at.f, start, stop)
        if start == 0:
            fraction = prepare("i")
        scaled = {}
        if layer.forget_scale is not None:
            scaled = {"b_source": BSource.CONSTANT_UNSIGNED, "shift": 16,
                      "b": w.constant(f"{name}forget_scale", layer.forget_scale, start, stop)}
        w.op(Opcode.SIGMOID, target=Target.VECTOR, negate=1, operand=formats.f, a=at.f, dst=at.f,
             length=length, **scaled)
        if start == 0:
            quantize("i", fraction)
        project("i", at.i, start, stop)
        if stop == d:
            fraction = prepare("g")
        w.op(Opcode.SILU, target=Target.VECTOR, shift=SIGMOID_FRACTION + formats.i - formats.state,
             operand=formats.i, a=at.i, dst=at.i, length=length)
        w.op(Opcode.INTERPOLATE, b_source=BSource.VECTOR, target=Target.STATE,
             shift=SIGMOID_FRACTION, a=at.f, b=at.i, dst=state + start, length=length)
        if stop == d:
            quantize("g", fraction)
    g = w.product
    project("g", at.product, 0, d, **w.squares(Register.SQUARES))
    w.rms(Register.FIRST, Register.SQUARES, d, formats.g)
    w.gain(f"{name}g_norm", layer.g_norm, g, g)
    w.op(Opcode.SILU, a_source=ASource.STATE, target=at.silu.memory, shift=SIGMOID_FRACTION,
         operand=formats.state, a=state, dst=at.silu.at, length=d)
    product = formats.g + layer.g_norm.fraction - GAIN_SHIFT + formats.state
    w.op(Opcode.MULTIPLY, a_source=at.silu.source, b_source=BSource.VECTOR, target=Target.VECTOR,
         shift=product - formats.o, a=at.silu.at, b=at.product, dst=at.product, length=d,
         **w.squares(Register.SQUARES))
    fraction = w.prepare(f"{name}o", layer.o.gain, g, g, formats.o)
    w.quantize(g, lambda: w.rms(Register.RMS, Register.SQUARES, d, formats.o,
                                before=Register.FIRST))
    w.scale(Register.RMS, layer.o.scale, fraction, model.residual_fraction)
    w.matvec(layer.o.trits, at.residual, Target.RESIDUAL, **w.squares(Register.SQUARES))


def _stores(w, count):
    """Return which part of a streamed state is stored behind which of ``count`` pieces.

    The array catches up between them, while the tape that has come meanwhile is used up.
    """
    if not w.states.streamed:
        return {}
    parts = w.states.parts(min(count, _STORES))
    return {(n + 1) * count // (len(parts) + 1): part for n, part in enumerate(parts)}


def _channel_mixer(w, n, layer):
    model, at, formats, width = w.model, w.at, layer.formats, w.model.hidden_dim
    name, trits = f"layers.{n}.", layer.gate_up.trits
    fraction = w.prepare(f"{name}gate_up", layer.gate_up.gain, w.residual, w.product,
                         model.residual_fraction)
    w.quantize(w.product, w.double_norm(f"{name}mlp_norm", layer.mlp_norm))
    w.scale(Register.RMS, layer.gate_up.scale, fraction, formats.gate_up)
    pieces = [(part, start, stop) for part in at.z
              for start, stop in _pieces(part.length, at.chunk)]
    kept, squares = w.config.keeps_statistics, Register.SQUARES
    stores = _stores(w, sum(not part.over_state for part, _, _ in pieces))
    for number, (part, start, stop) in enumerate(pieces):
        first, last = part.start + start, part.start + stop
        w.matvec(trits[first:last], at.gate)
        w.matvec(trits[width + first:width + last], at.up)
        w.op(Opcode.SILU, target=Target.VECTOR, shift=SIGMOID_FRACTION, operand=formats.gate_up,
             a=at.gate, dst=at.gate, length=stop - start)
        w.op(Opcode.MULTIPLY, b_source=BSource.VECTOR, target=part.memory,
             shift=2 * formats.gate_up - formats.z, a=at.gate, b=at.up, dst=part.at + start,
             length=stop - start, **w.squares(Register.SQUARES, more=kept and last < width))
        if len(pieces) > 1 and not kept:
            w.op(Opcode.SCALAR_ADD, dst=Register.TOTAL, a=Register.SQUARES,
                 b=Register.TOTAL if first else 0)
            squares = Register.TOTAL
        if number in stores:
            w.move_state(Opcode.STORE, n, *stores[number])
    fraction = w.prepare(f"{name}down", layer.down.gain, at.z, at.z, formats.z)
    w.quantize(at.z, lambda: w.rms(Register.RMS, squares, width, formats.z))
    w.scale(Register.RMS, layer.down.scale, fraction, model.residual_fraction)
    # The next layer's state is loaded when the array has used up the tape, and goes on to use what
    # comes meanwhile.
    loading = w.states.streamed and n + 1 < model.n_layers
    half = model.dim // 2 // w.config.lanes * w.config.lanes if loading and kept else 0
    for start, stop in [(0, half), (half, model.dim)] if half else [(0, model.dim)]:
        w.matvec(layer.down.trits[start:stop], at.residual + start, Target.RESIDUAL,
                 **w.squares(Register.SQUARES, more=stop < model.dim))
        if loading and start == 0:
            w.move_state(Opcode.LOAD, n + 1, 0, model.dim)


def mlgru_token(model, config, constants, vectors, states, embedding, pack=pack_matrix):
    """Return the instructions of one token: embedding row, blocks, head, END.

    ``embedding`` gives the fields `base` and `token_stride` of the embedding's LOAD; ``pack`` makes
    the payload of a matrix. Addresses of streamed states count from the state area's first beat.
    """
    w = TapeWriter(model, config, constants, vectors, states, pack)
    w.op(Opcode.LOAD, target=Target.VECTOR, dst=vectors.residual, length=model.dim,
         shift=model.residual_fraction - model.embedding_fraction,
         **w.squares(Register.SQUARES), **embedding)
    if states.streamed:
        w.move_state(Opcode.LOAD, 0, 0, model.dim)
    for n, layer in enumerate(model.layers):
        _token_mixer(w, n, layer)
        _channel_mixer(w, n, layer)
    fraction = w.prepare("head", model.head.gain, w.residual, w.product, model.residual_fraction)
    w.quantize(w.product, w.double_norm("norm", model.norm))
    w.scale(Register.RMS, model.head.scale, fraction, LOGIT_FRACTION)
    w.matvec(model.head.trits, target=Target.LOGITS)
    w.op(Opcode.END)
    return w.code
