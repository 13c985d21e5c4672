"""Sampler port: the host's view of the sampler, and its results for the token feed."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.registers import (
    CANDIDATES,
    PAGES,
    REGISTERS,
    SLOTS,
    TOKEN_BITS,
    SampleMode,
    address,
)

from .link.bus import RegisterBus
from .register_file import RegisterFile
from .sampler import Sampler
from .token_ring import RingEntry

__all__ = ["SamplerPort"]


class SamplerPort(wiring.Component):
    """Holds the sampler's settings, and reads its results.

    Parameters
    ----------
    config : :class:`Config`
        Sizes: ``slots``, ``logit_words``.

    Members
    -------
    settings, candidates, logits : :py:`In(RegisterBus)`
        Pages ``sampler``, ``candidates``, ``logits``.
    gumbel, keep, beta, seed, token, crc, count, slot, index, candidate_row, candidate_logit, logit
        The sampler's members, with the opposite direction.
    idle : :py:`In(1)`
        The sampler takes no rows: what is read of it stands still.
    feed_slot : :py:`In(range(config.slots))`
        Slot whose result the token feed asks for.
    sampled : :py:`Out(RingEntry)`
        Its token and CRC, a clock later.
    """

    def __init__(self, *, config):
        self.config = config
        slots = config.slots
        super().__init__({
            "settings": In(RegisterBus),
            "candidates": In(RegisterBus),
            "logits": In(RegisterBus),
            "gumbel": Out(slots),
            "keep": Out(slots),
            "beta": Out(data.ArrayLayout(16, slots)),
            "seed": Out(data.ArrayLayout(32, slots)),
            "token": In(data.ArrayLayout(TOKEN_BITS, slots)),
            "crc": In(data.ArrayLayout(32, slots)),
            "count": In(data.ArrayLayout(range(CANDIDATES + 1), slots)),
            "slot": Out(range(slots)),
            "index": Out(range(max(CANDIDATES, config.logit_words))),
            "candidate_row": In(TOKEN_BITS),
            "candidate_logit": In(signed(32)),
            "logit": In(signed(32)),
            "idle": In(1),
            "feed_slot": In(range(slots)),
            "sampled": Out(RingEntry),
        })

    def elaborate(self, platform):
        m = Module()

        slots = self.config.slots
        m.d.sync += [self.sampled.token.eq(self.token[self.feed_slot]),
                     self.sampled.crc.eq(self.crc[self.feed_slot])]

        # Settings and results of each slot: 16 places for each register.
        several = slots > 1
        m.submodules.settings_file = file = RegisterFile(delay=int(several))
        connect(m, flipped(self.settings), file.bus)
        place = file.addr[:exact_log2(SLOTS)]

        modes = data.ArrayLayout(unsigned(2), slots)
        mode = Signal(modes)
        for n in range(slots):
            m.d.comb += [
                self.gumbel[n].eq((mode[n] & SampleMode.GUMBEL).any()),
                self.keep[n].eq((mode[n] & SampleMode.CANDIDATES).any()),
            ]
        settings = {"SAMPLE_MODE": mode, "BETA": self.beta, "SEED": self.seed}
        registers = {**settings, "CRC": self.crc, "CANDIDATE_COUNT": self.count}
        # Of many slots one is chosen first, and of the registers one in the next clock.
        at_place = {}
        for name, values in registers.items():
            at_place[name] = value = Value.cast(values[place])
            if several:
                at_place[name] = Signal.like(value, name=f"chosen_{name.lower()}", reset_less=True)
                m.d.sync += at_place[name].eq(value)
        with m.If(place < slots):
            with m.Switch(file.addr >> exact_log2(SLOTS)):
                for name, values in registers.items():
                    page = address(name, 0) - PAGES["sampler"].address
                    with m.Case(page >> exact_log2(SLOTS)):
                        m.d.comb += file.word.eq(at_place[name])
                        if name == "CANDIDATE_COUNT":
                            m.d.comb += file.word.eq(
                                Mux(self.keep.bit_select(place, 1), at_place[name], 0))
                        if name in settings:
                            with m.If(file.write):
                                m.d.sync += values[place].eq(file.data)

        # Candidates and logits share the way to the sampler: one access is under way at a time.
        # A row of another slot may be taken meanwhile: the word counts once none was for as long as
        # a read takes.
        delay = 1 + Sampler.read_latency
        quiet = Signal(delay)
        m.d.sync += quiet.eq(Cat(self.idle, quiet))
        m.submodules.candidates_file = candidates = RegisterFile(delay=delay)
        m.submodules.logits_file = logits = RegisterFile(delay=delay)
        connect(m, flipped(self.candidates), candidates.bus)
        connect(m, flipped(self.logits), logits.bus)
        m.d.comb += [candidates.wait.eq(~quiet.all()), logits.wait.eq(~quiet.all())]
        candidate_bits = exact_log2(CANDIDATES)
        logit_bits = exact_log2(REGISTERS["LOGITS"].dims[1])
        with m.If(candidates.read):
            m.d.sync += [self.slot.eq(candidates.addr >> 1 + candidate_bits),
                         self.index.eq(candidates.addr[1:1 + candidate_bits])]
        with m.If(logits.read):
            m.d.sync += [self.slot.eq(logits.addr >> logit_bits),
                         self.index.eq(logits.addr[:logit_bits])]
        with m.If(candidates.addr >> 1 + candidate_bits < slots):
            m.d.comb += candidates.word.eq(
                Mux(candidates.addr[0], self.candidate_logit, self.candidate_row))
        with m.If((logits.addr >> logit_bits < slots)
                  & (logits.addr[:logit_bits] < self.config.logit_words)):
            m.d.comb += logits.word.eq(self.logit)

        return m
