"""Scores: what each row's logit is worth when a token is picked."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import LOGIT_FRACTION
from trine.firmware.tables import BETA_FRACTION, GUMBEL_FRACTION

from .argmax import score_layout
from .gumbel import Gumbel
from .product import Product

__all__ = ["Score"]


class Score(wiring.Component):
    """The logit itself, or the logit times beta, floored, plus Gumbel noise.

    Bit exact with :func:`trine.sim.golden.score.score`. Never overflows.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature({slot, row, logit}))`
        Logits, one in ``interval`` clocks, with 16 fraction bits.
    gumbel : :py:`In(1)`
        With noise. This and what follows stays as it is while logits are under way.
    beta : :py:`In(16)`
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

    #: Clocks from a logit to its score, without noise and with it.
    latency = 2
    latency_gumbel = Gumbel.latency + 1
    #: Clocks from logit to logit.
    interval = Gumbel.interval

    def __init__(self, *, slots):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "row": 18, "logit": signed(32)}))),
            "gumbel": In(1),
            "beta": In(16),
            "seed": In(data.ArrayLayout(32, slots)),
            "position": In(data.ArrayLayout(32, slots)),
            "o": Out(stream.Signature(score_layout(slots), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.noise = noise = Gumbel()
        row = Signal.like(self.i.p, reset_less=True)
        # Strobes of the clocks behind a logit.
        stages = Signal(self.interval)
        taken = self.i.valid & self.i.ready
        m.d.comb += [
            noise.i.valid.eq(self.i.valid & self.gumbel),
            noise.i.p.row.eq(self.i.p.row),
            noise.i.p.seed.eq(self.seed[self.i.p.slot]),
            noise.i.p.position.eq(self.position[self.i.p.slot]),
            self.i.ready.eq(noise.i.ready),
        ]
        m.d.sync += stages.eq(Cat(taken, stages))
        with m.If(taken):
            m.d.sync += row.eq(self.i.p)

        # logit * beta by halves of the logit, so that each product is one multiplier's. Bits of
        # the lower half that the shift drops never carry into what is kept. There is time until
        # the noise comes, so the multipliers have registers on either side.
        beta = Signal(16, reset_less=True)
        m.submodules.low = low = Product(16, 16)
        m.submodules.high = high = Product(signed(16), 16)
        scaled = Signal(signed(40), reset_less=True)
        m.d.comb += [low.a.eq(row.logit[:16]), high.a.eq(row.logit[16:]),
                     low.b.eq(beta), high.b.eq(beta)]
        m.d.sync += [
            beta.eq(self.beta),
            scaled.eq((high.o << 16 - BETA_FRACTION) + (low.o >> BETA_FRACTION)),
        ]

        shift = LOGIT_FRACTION - GUMBEL_FRACTION
        # The noise comes when the next row has already been taken.
        waiting = Signal(score_layout(self.slots), reset_less=True)
        with m.If(stages[-1]):
            m.d.sync += [waiting.slot.eq(row.slot), waiting.row.eq(row.row),
                         waiting.score.eq(scaled)]

        m.d.sync += self.o.valid.eq(Mux(self.gumbel, noise.o.valid, stages[0]))
        with m.If(~self.gumbel):
            m.d.sync += [self.o.p.slot.eq(row.slot), self.o.p.row.eq(row.row),
                         self.o.p.score.eq(row.logit)]
        with m.Elif(noise.o.valid):
            m.d.sync += [self.o.p.slot.eq(waiting.slot), self.o.p.row.eq(waiting.row),
                         self.o.p.score.eq(waiting.score + (noise.o.payload << shift))]

        return m
