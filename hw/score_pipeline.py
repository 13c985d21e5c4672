"""Scores: what each row's logit is worth when a token is picked, one in every clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import LOGIT_FRACTION
from trine.firmware.tables import BETA_FRACTION, GUMBEL_FRACTION

from .argmax import score_layout
from .delay import delay
from .gumbel_pipeline import GumbelPipeline
from .product import Product

__all__ = ["ScorePipeline"]


class ScorePipeline(wiring.Component):
    """What :class:`.score.Score` computes, one row a clock, with or without noise by slot.

    Bit exact with :func:`trine.sim.golden.score.score`. Never overflows.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature({slot, row, logit}, always_ready=True))`
        Logits, with 16 fraction bits.
    gumbel : :py:`In(slots)`
        Slots with noise. This and what follows stays as it is while logits are under way.
    beta : :py:`In(data.ArrayLayout(16, slots))`
        One over the temperature, with 8 fraction bits.
    seed, position : :py:`In(data.ArrayLayout(32, slots))`
        What the noise of a slot depends on, besides the row.
    o : :py:`Out(stream.Signature(score_layout(slots), always_ready=True))`
        Scores, with 16 fraction bits.

    Raises
    ------
    ValueError
        If there are no slots.
    """

    #: Clocks from a logit to its score, with noise or without it.
    latency = GumbelPipeline.latency + 2

    def __init__(self, *, slots):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "row": 18, "logit": signed(32)}), always_ready=True)),
            "gumbel": In(slots),
            "beta": In(data.ArrayLayout(16, slots)),
            "seed": In(data.ArrayLayout(32, slots)),
            "position": In(data.ArrayLayout(32, slots)),
            "o": Out(stream.Signature(score_layout(slots), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.noise = noise = GumbelPipeline()
        slot = self.i.p.slot
        noisy = self.gumbel.bit_select(slot, 1)
        # Without noise the factor is 1.
        beta, factor = (Signal(16, name=name, reset_less=True) for name in ("beta", "factor"))
        m.d.sync += [
            noise.i.valid.eq(self.i.valid),
            noise.i.p.row.eq(self.i.p.row),
            noise.i.p.seed.eq(self.seed[slot]),
            noise.i.p.position.eq(self.position[slot]),
            beta.eq(self.beta[slot]),
            factor.eq(Mux(delay(m, noisy, 1, name="noisy_beta"), beta, 1 << BETA_FRACTION)),
        ]

        # logit * beta by halves of the logit, so that each product is one multiplier's. Bits of
        # the lower half that the shift drops never carry into what is kept.
        logit = delay(m, self.i.p.logit, self.latency - 4, name="logit")
        late_factor = delay(m, factor, self.latency - 6, name="factor_late")
        m.submodules.low = low = Product(16, 16)
        m.submodules.high = high = Product(signed(16), 16)
        scaled = Signal(signed(40), reset_less=True)
        m.d.comb += [low.a.eq(logit[:16]), high.a.eq(logit[16:]),
                     low.b.eq(late_factor), high.b.eq(late_factor)]
        m.d.sync += scaled.eq((high.o << 16 - BETA_FRACTION) + (low.o >> BETA_FRACTION))

        # The noise, together with what was scaled.
        shift = LOGIT_FRACTION - GUMBEL_FRACTION
        with_noise = delay(m, noisy, self.latency - 1, name="noisy")
        m.d.sync += [
            self.o.valid.eq(noise.o.valid),
            self.o.p.slot.eq(delay(m, slot, self.latency - 1, name="slot")),
            self.o.p.row.eq(delay(m, self.i.p.row, self.latency - 1, name="row")),
            self.o.p.score.eq(scaled + Mux(with_noise, noise.o.payload << shift, 0)),
        ]

        return m
