"""Number formats by calibration: how large every vector becomes, and what no longer fits."""

from math import ceil, log2

import numpy as np

from trine.sim.golden.mlgru import Block, Embedding, Head
from trine.sim.golden.round_shift import INT32_MAX, INT32_MIN

__all__ = ["SAMPLE", "Largest", "Saturations", "count_saturations", "format_lines",
           "fraction_bits", "sample_tokens"]

#: Bits kept free above the largest magnitude that calibration saw.
HEADROOM = 3
#: No vector needs more fraction bits: the sigmoid takes 22, and products must not lose their shift.
MAX_FRACTION = 24
#: Tokens over which the number formats are calibrated.
SAMPLE = 512


def sample_tokens(vocab_size, count=SAMPLE):
    """Return tokens drawn from the whole vocabulary, for calibration without a text."""
    # A prime, so that neighbours in the vocabulary do not follow each other.
    return [n * 7919 % vocab_size for n in range(count)]


def fraction_bits(largest, *, bits=31, headroom=HEADROOM, most=MAX_FRACTION):
    """Return the fraction bits with which ``largest`` leaves ``headroom`` of ``bits`` free."""
    return min(most, bits - headroom - max(-8, ceil(log2(max(largest, 2.0**-40)))))


class Largest(dict):
    """The largest magnitude of every vector of the reference that was watched, by name."""

    def watch(self, name, values):
        """Take a vector, or some."""
        self[name] = max(self.get(name, 0.0), float(np.abs(values).max()))


class Saturations(dict):
    """Results of the golden model that stand at an end of int32, by name; names without are absent.

    Their sum is what the machine's counter shows for the same tokens.
    """

    def watch(self, name, values, fraction):
        """Take a result."""
        count = int(np.count_nonzero((values == INT32_MIN) | (values == INT32_MAX)))
        if count:
            self[name] = self.get(name, 0) + count

    @property
    def total(self):
        """All results that saturated."""
        return sum(self.values())


def count_saturations(parts, tokens, progress=None):
    """Return the :class:`Saturations` of the golden model over ``tokens``, layer after layer.

    parts : object with embedding, embedding_fraction, residual_fraction, eps, norm, head and
    layers, an iterable: a Model, or the parts of one that is never in memory as a whole
    """
    counts, bits = Saturations(), parts.residual_fraction
    embedding = Embedding(parts.embedding, parts.embedding_fraction, bits)
    residuals = [embedding.step(token, counts.watch) for token in tokens]
    for n, layer in enumerate(parts.layers):
        block, h = Block(layer, bits, parts.eps), np.zeros(len(residuals[0]), np.int64)

        def watch(name, *values, n=n):
            counts.watch(f"layers.{n}.{name}", *values)

        for t, r in enumerate(residuals):
            residuals[t], h = block.step(r, h, watch)
        if progress:
            progress(1)
    head = Head(parts.norm, parts.head, bits, parts.eps)
    for r in residuals:
        head.step(r, counts.watch)
    if progress:
        progress(1)
    return counts


def format_lines(model):
    """Yield lines: each vector's fraction bits, how near calibration came to its end, saturations.

    model : a host :class:`~trine.host.model.Model`, whose ``calibration`` may be empty
    """
    largest = model.calibration.get("largest", {})

    def vector(name, bits, *watched):
        seen = max((largest[key] for key in watched if key in largest), default=None)
        share = "" if seen is None else f" ({seen / 2.0**(31 - bits):.1%})"
        return f"{name} {bits}{share}"

    if largest:
        yield "fraction bits (largest value in calibration, of what fits):"
    residuals = [key for key in largest if key.endswith((".mixed", ".residual", "embedding"))]
    yield f"fraction bits of the {vector('residual', model.residual_fraction, *residuals)}"
    for n, layer in enumerate(model.layers):
        # silu(i) shares the state's format.
        bits = (vector(key, value, f"layers.{n}.{key}",
                       *[f"layers.{n}.write"] * (key == "state"))
                for key, value in vars(layer.formats).items())
        yield f"layer {n} fraction bits: {', '.join(bits)}"
    if not model.calibration:
        yield "calibration: not stored in this file"
        return
    counts = Saturations(model.calibration["saturations"])
    yield (f"calibrated over {model.calibration['tokens']} tokens; {counts.total} results of the "
           f"golden model saturated over {model.calibration['golden_tokens']} tokens")
    for name, count in counts.items():
        yield f"  {name}: {count} saturated"
