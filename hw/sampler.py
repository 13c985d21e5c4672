"""Sampler: picks a token from the logits, and keeps what the host needs to pick one itself."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import CANDIDATES

from .argmax import Argmax
from .argmax_pipeline import ArgmaxPipeline
from .candidates import Candidates
from .logit_buffer import LogitBuffer
from .logit_crc import LogitCRC
from .logit_crc_pipeline import LogitCRCPipeline
from .score import Score
from .score_pipeline import ScorePipeline
from .skid_buffer import SkidBuffer
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
        Logits, with 16 fraction bits, one in ``interval`` clocks; where it is ``pipelined``, one a
        clock, but for those of slots in ``keep``.
    clear : :py:`In(slots)`
        Strobes at the start of a token, while idle: forget what is known of these slots, and number
        the next row 0. Rows may be offered from the next clock on; those that become candidates
        wait for ``clear_time``.
    gumbel : :py:`In(slots)`
        Tokens are drawn: by logits times beta plus Gumbel noise. Else the largest logit wins.
    keep : :py:`In(slots)`
        Slots of which candidates are kept; of the others there may be any.
    beta : :py:`In(data.ArrayLayout(16, slots))`
        One over the temperature, with 8 fraction bits.
    seed, position : :py:`In(data.ArrayLayout(32, slots))`
        What the noise of a slot depends on, besides the row. Stable while not idle, like the mode.
    token : :py:`Out(data.ArrayLayout(18, slots))`
        Row picked for each slot, while idle; 0 where no row came.
    crc : :py:`Out(data.ArrayLayout(32, slots))`
        CRC-32 (zlib's) over all logits since ``clear``, as little-endian int32, while idle.
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
    #: Clocks from row to row where candidates are kept, and how many more where the slot changes.
    interval = 9
    switch_time = Candidates.switch_time

    def __init__(self, *, config):
        self.config = config
        slots = config.slots
        super().__init__({
            "logits": In(stream.Signature(logit_layout(config))),
            "clear": In(slots),
            "gumbel": In(slots),
            "keep": In(slots),
            "beta": In(data.ArrayLayout(16, slots)),
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
    def pipelined(self):
        """Whether parts take a row a clock: many slots deliver rows faster than one."""
        return self.config.slots > 1

    @property
    def clear_time(self):
        """Clocks from a clear to the first row that is taken in by the parts."""
        return CANDIDATES * self.config.slots + 3

    def elaborate(self, platform):
        m = Module()

        slots = self.config.slots
        m.submodules.score = score = (ScorePipeline if self.pipelined else Score)(slots=slots)
        m.submodules.argmax = argmax = (ArgmaxPipeline if self.pipelined else Argmax)(slots=slots)
        m.submodules.crc = crc = (LogitCRCPipeline if self.pipelined else LogitCRC)(slots=slots)
        m.submodules.candidates = candidates = Candidates(slots=slots)
        m.submodules.buffer = buffer = LogitBuffer(slots=slots, words=self.config.logit_words)

        # The strobes come from afar and go to many.
        clear, clears = Signal(), Signal.like(self.clear)
        m.d.sync += [clear.eq(self.clear.any()), clears.eq(self.clear)]

        # A row from afar stands in registers of its own first, and is given its number from there:
        # rows are numbered through the token. No path leads from the parts to where rows come from.
        move = Signal()
        if self.pipelined:
            m.submodules.front = front = SkidBuffer(self.logits.payload.shape())
            connect(m, flipped(self.logits), front.i)
            here, there = front.o.payload, front.o.valid
            m.d.comb += front.o.ready.eq(move)
        else:
            here, there = Signal(self.logits.payload.shape(), reset_less=True), Signal()
            m.d.comb += self.logits.ready.eq(~there)
            with m.If(self.logits.ready):
                m.d.sync += [here.eq(self.logits.payload), there.eq(self.logits.valid)]
            with m.Elif(move):
                m.d.sync += there.eq(0)
        base = Signal(18)
        row = Signal(score.i.payload.shape(), reset_less=True)
        ends, wanted = Signal(), Signal()
        waiting, go, gone = Signal(), Signal(), Signal()
        with m.If(go):
            m.d.sync += waiting.eq(0)
        with m.If(move):
            m.d.sync += waiting.eq(1)
            m.d.sync += [row.slot.eq(here.slot), row.row.eq(base + here.row),
                         row.logit.eq(here.logit)]
        m.d.sync += ends.eq(move & here.last)
        with m.If(clear):
            m.d.sync += base.eq(0)
        with m.Elif(ends):
            m.d.sync += base.eq(row.row + 1)

        # Parts that take a row a clock are given it from another register, those that do not from
        # where it waits: candidates take the longest, and the others are ready again when they are.
        given = row
        if self.pipelined:
            given = Signal.like(row)
            m.d.sync += given.eq(row)
            with m.If(move):
                m.d.sync += wanted.eq(self.keep.bit_select(here.slot, 1))
            m.d.comb += [
                move.eq(there & (~waiting | go) & ~ends & ~clear),
                go.eq(waiting & (~wanted | candidates.i.ready)),
            ]
        else:
            m.d.comb += [
                wanted.eq(1),
                move.eq(there & ~waiting & ~gone & ~clear),
                go.eq(waiting & candidates.i.ready),
            ]
        m.d.comb += candidates.i.valid.eq(waiting & wanted)
        m.d.sync += gone.eq(go)
        for part, source in (candidates, row), (score, given), (crc, given), (buffer, given):
            m.d.comb += (part.i.p[name].eq(source[name]) for name, _ in part.i.p.shape())
        m.d.comb += [part.i.valid.eq(gone) for part in (score, crc, buffer)]

        # What follows a row has ended when the slowest part has.
        if self.pipelined:
            following = score.latency + argmax.latency
            settle = Signal(range(following + 1))
        else:
            following = (Mux(self.gumbel, score.latency_gumbel, score.latency) + argmax.latency)
            settle = Signal(range(score.latency_gumbel + argmax.latency + 1))
        with m.If(gone):
            m.d.sync += settle.eq(following)
        with m.Elif(settle != 0):
            m.d.sync += settle.eq(settle - 1)
        m.d.comb += self.idle.eq(~there & ~waiting & ~gone & ~clear & (settle == 0)
                                 & candidates.idle & crc.i.ready)

        connect(m, score=score.o, argmax=argmax.i)
        m.d.comb += [
            score.gumbel.eq(self.gumbel),
            score.beta.eq(self.beta),
            score.seed.eq(self.seed),
            score.position.eq(self.position),
            *(part.clear.eq(clears) for part in (argmax, candidates, buffer, crc)),
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
