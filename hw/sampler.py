"""Sampler: picks a token from the logits, and keeps what the host needs to pick one itself."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.registers import CANDIDATES

from .argmax import Argmax
from .candidates import Candidates
from .logit_buffer import LogitBuffer
from .logit_crc import LogitCRC
from .score import Score
from .vector_command import logit_layout

__all__ = ["Sampler"]


class Sampler(wiring.Component):
    """Takes the logits of every slot, row by row, and gives each part what it needs.

    Bit exact with :class:`trine.sim.golden.sampler.Sampler`. Rows come in rising order for each
    slot. They are numbered through the token: those of a command that follows another one continue
    where that one's ended (``last``).

    Parameters
    ----------
    config : :class:`~trine.firmware.config.Config`
        Sizes: ``slots``, ``logit_words``.

    Members
    -------
    logits : :py:`In(stream.Signature(logit_layout(config)))`
        Logits, with 16 fraction bits, one in ``interval`` clocks.
    clear : :py:`In(1)`
        Strobe at the start of a token, while idle: forgets the token's rows, not the CRC. Rows may
        be offered from the next clock on; they wait for ``clear_time``.
    crc_clear : :py:`In(slots)`
        Strobes, while idle: start the CRC of these slots anew.
    gumbel : :py:`In(1)`
        Tokens are drawn: by logits times beta plus Gumbel noise. Else the largest logit wins.
    beta : :py:`In(16)`
        One over the temperature, with 8 fraction bits.
    seed, position : :py:`In(data.ArrayLayout(32, slots))`
        What the noise of a slot depends on, besides the row. Stable while not idle, like the mode.
    token : :py:`Out(data.ArrayLayout(18, slots))`
        Row picked for each slot, while idle; 0 where no row came.
    crc : :py:`Out(data.ArrayLayout(32, slots))`
        CRC-32 (zlib's) over all logits since ``crc_clear``, as little-endian int32, while idle.
    count : :py:`Out(data.ArrayLayout(range(65), slots))`
        Candidates of each slot.
    overflow : :py:`Out(slots)`
        Slots with more logits than the buffer holds.
    idle : :py:`Out(1)`
        Everything about the rows taken so far is known.
    slot, index : :py:`In(...)`
        Candidate and logit asked for, while idle.
    candidate_row, candidate_logit : :py:`Out(18)`, :py:`Out(signed(32))`
        The candidate, ``read_latency`` clocks later; see :class:`Candidates` for their order.
    logit : :py:`Out(signed(32))`
        The logit of row ``index``, ``read_latency`` clocks later.
    """

    #: Clocks from slot and index to candidate and logit.
    read_latency = 2
    #: Clocks from row to row, and how many more where the slot changes.
    interval = 9
    switch_time = Candidates.switch_time

    def __init__(self, *, config):
        self.config = config
        slots = config.slots
        super().__init__({
            "logits": In(stream.Signature(logit_layout(config))),
            "clear": In(1),
            "crc_clear": In(slots),
            "gumbel": In(1),
            "beta": In(16),
            "seed": In(data.ArrayLayout(32, slots)),
            "position": In(data.ArrayLayout(32, slots)),
            "token": Out(data.ArrayLayout(18, slots)),
            "crc": Out(data.ArrayLayout(32, slots)),
            "count": Out(data.ArrayLayout(range(CANDIDATES + 1), slots)),
            "overflow": Out(slots),
            "idle": Out(1),
            "slot": In(range(slots)),
            "index": In(range(max(CANDIDATES, config.logit_words))),
            "candidate_row": Out(18),
            "candidate_logit": Out(signed(32)),
            "logit": Out(signed(32)),
        })

    @property
    def clear_time(self):
        """Clocks from a clear to the first row that is taken in by the parts."""
        return CANDIDATES * self.config.slots + 3

    def elaborate(self, platform):
        m = Module()

        slots = self.config.slots
        m.submodules.score = score = Score(slots=slots)
        m.submodules.argmax = argmax = Argmax(slots=slots)
        m.submodules.candidates = candidates = Candidates(slots=slots)
        m.submodules.buffer = buffer = LogitBuffer(slots=slots, words=self.config.logit_words)
        m.submodules.crc = crc = LogitCRC(slots=slots)

        # The strobes come from afar and go to many.
        clear, crc_clear = Signal(), Signal.like(self.crc_clear)
        m.d.sync += [clear.eq(self.clear), crc_clear.eq(self.crc_clear)]

        # A row from afar stands in registers of its own first, and is given its number from there:
        # rows are numbered through the token.
        here, there = Signal(self.logits.payload.shape(), reset_less=True), Signal()
        base = Signal(18)
        row = Signal(score.i.payload.shape(), reset_less=True)
        waiting, go, gone = Signal(), Signal(), Signal()
        move, ends = Signal(), Signal()
        m.d.comb += [
            self.logits.ready.eq(~there),
            move.eq(there & ~waiting & ~gone & ~clear),
        ]
        with m.If(self.logits.ready):
            m.d.sync += [here.eq(self.logits.payload), there.eq(self.logits.valid)]
        with m.If(move):
            m.d.sync += [there.eq(0), waiting.eq(1)]
            m.d.sync += [row.slot.eq(here.slot), row.row.eq(base + here.row),
                         row.logit.eq(here.logit), ends.eq(here.last)]

        # All parts take a row; the candidates take the longest, and the others are ready again
        # when they are, who are given it one clock later. Till then nothing moves.
        others = (score.i, crc.i, buffer.i)
        m.d.comb += [
            go.eq(waiting & candidates.i.ready),
            candidates.i.valid.eq(waiting),
            *(part.valid.eq(gone) for part in others),
            *(part.p[name].eq(row[name]) for part in (candidates.i, *others)
              for name, _ in part.payload.shape()),
        ]
        m.d.sync += gone.eq(go)
        with m.If(go):
            m.d.sync += waiting.eq(0)
        with m.If(clear):
            m.d.sync += base.eq(0)
        with m.Elif(gone & ends):
            m.d.sync += base.eq(row.row + 1)

        # What follows a row has ended when the slowest part has.
        settle = Signal(range(score.latency_gumbel + argmax.latency + 1))
        with m.If(gone):
            m.d.sync += settle.eq(Mux(self.gumbel, score.latency_gumbel, score.latency)
                                  + argmax.latency)
        with m.Elif(settle != 0):
            m.d.sync += settle.eq(settle - 1)
        m.d.comb += self.idle.eq(~there & ~waiting & ~gone & ~clear & (settle == 0)
                                 & candidates.idle & crc.i.ready)

        wiring.connect(m, score=score.o, argmax=argmax.i)
        m.d.comb += [
            score.gumbel.eq(self.gumbel),
            score.beta.eq(self.beta),
            score.seed.eq(self.seed),
            score.position.eq(self.position),
            argmax.clear.eq(clear),
            candidates.clear.eq(clear),
            buffer.clear.eq(clear),
            crc.clear.eq(crc_clear),
            candidates.slot.eq(self.slot),
            candidates.index.eq(self.index),
            buffer.slot.eq(self.slot),
            buffer.index.eq(self.index),
            self.token.eq(argmax.token),
            self.crc.eq(crc.crc),
            self.count.eq(candidates.count),
            self.overflow.eq(buffer.overflow),
            self.candidate_row.eq(candidates.row),
            self.candidate_logit.eq(candidates.logit),
            self.logit.eq(buffer.logit),
        ]

        return m
