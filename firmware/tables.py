"""Function tables that gateware and golden model share, made with exact decimal arithmetic."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

__all__ = ["BETA_FRACTION", "GUMBEL", "GUMBEL_FRACTION", "HASH_ROTATIONS", "HASH_START", "SIGMOID"]

#: Fraction bits of an entry of GUMBEL.
GUMBEL_FRACTION = 12
#: Fraction bits of beta, one over the sampler's temperature, which is unsigned and has 16 bits.
BETA_FRACTION = 8
#: The hash under the noise: added to each of its words, and the rotation of each of its steps.
#: Ref: Bob Jenkins, lookup3.c, May 2006, public domain, final():
#: http://burtleburtle.net/bob/c/lookup3.c
HASH_START = 0xDEADBEEF
HASH_ROTATIONS = (14, 11, 25, 16, 4, 14, 24)


def _sigmoid():
    with localcontext() as context:
        context.prec = 40
        return [int((Decimal(1 << 24) / (1 + (Decimal(-i) / 64).exp()))
                    .to_integral_value(ROUND_HALF_EVEN)) for i in range(1025)]


def _gumbel():
    # Entry 512 * side + 16 * octave + part holds the noise at the tail probability
    # p = 2^(octave - 32) * (1 + part / 16): side 0 the upper tail (u = 1 - p), side 1 the lower
    # one (u = p), noise = -ln(-ln(u)). Both sides end with u = 1/2 at octave 31.
    entries = []
    with localcontext() as context:
        context.prec = 40
        for side in range(2):
            for n in range(512):
                octave, part = divmod(n, 16)
                p = min(Decimal(16 + part) / 16 / 2 ** (32 - octave), Decimal("0.5"))
                u = p if side else 1 - p
                noise = -((-(u.ln())).ln())
                entries.append(int((noise * (1 << GUMBEL_FRACTION))
                                   .to_integral_value(ROUND_HALF_EVEN)))
    return entries


#: sigmoid(i / 64) with 24 fraction bits, for i = 0 ... 1024.
SIGMOID = _sigmoid()

#: Gumbel noise with 12 fraction bits; its use is described in :mod:`trine.sim.golden.gumbel`.
GUMBEL = _gumbel()
