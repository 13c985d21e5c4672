"""Function tables that gateware and golden model share, made with exact decimal arithmetic."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

__all__ = ["GUMBEL", "GUMBEL_FRACTION", "SIGMOID"]

#: Fraction bits of an entry of GUMBEL.
GUMBEL_FRACTION = 12


def _sigmoid():
    with localcontext() as context:
        context.prec = 40
        return [int((Decimal(1 << 24) / (1 + (Decimal(-i) / 64).exp()))
                    .to_integral_value(ROUND_HALF_EVEN)) for i in range(1025)]


def _gumbel():
    # Entry 32 * octave + part stands for v = 2^(31 - octave) * (1 + part / 32), v counted down
    # from the top of the uniform number: u = 1 - v / 2^32, noise = -ln(-ln(u)).
    entries = []
    with localcontext() as context:
        context.prec = 40
        for octave in range(32):
            for part in range(32):
                v = Decimal(1 << 31) / (1 << octave) * (1 + Decimal(part) / 32)
                u = 1 - (v + Decimal("0.5")) / (1 << 32)
                noise = -((-(u.ln())).ln())
                entries.append(int((noise * (1 << GUMBEL_FRACTION))
                                   .to_integral_value(ROUND_HALF_EVEN)))
    # The upper end of the first octave: v = 2^32 - 1, the smallest u.
    with localcontext() as context:
        context.prec = 40
        u = Decimal("0.5") / (1 << 32)
        top = int((-((-(u.ln())).ln()) * (1 << GUMBEL_FRACTION))
                  .to_integral_value(ROUND_HALF_EVEN))
    return entries, top


#: sigmoid(i / 64) with 24 fraction bits, for i = 0 ... 1024.
SIGMOID = _sigmoid()

#: Gumbel noise with 12 fraction bits, (entries, value behind the last entry of octave 0).
GUMBEL = _gumbel()
