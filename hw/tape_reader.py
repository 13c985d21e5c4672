"""Plays the tape: memory beats into a FIFO, and bytes to the sequencer."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from .fifo import Fifo
from .gearbox import Gearbox
from .memory.signature import TapeCommand

__all__ = ["PlayCommand", "TapeReader"]


class PlayCommand(data.StructLayout):
    """Payload: play ``beats`` beats from beat address ``addr``, ``plays`` times in a row.

    Where ``endless``, ``plays`` does not matter: only a flush ends it.
    """

    def __init__(self, addr_width):
        super().__init__({"addr": unsigned(addr_width), "beats": unsigned(addr_width + 1),
                          "plays": unsigned(32), "endless": 1})


class TapeReader(wiring.Component):
    """Reads a tape again and again, ahead of its consumer, without a gap between plays.

    The next play is commanded while the memory still reads the one before. The tape waits in a
    FIFO of block RAM; a gearbox hands it out byte by byte.

    ``flush`` forgets every play, drops what is in flight, in the FIFO and in the gearbox, and
    answers with ``flushed``; plays given after ``flush`` begin afresh. Nothing is available from
    the second clock after ``flush``.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a memory beat.
    addr_width : :class:`int`
        Bits of a beat address.
    word_bytes : :class:`int`
        Bytes of a FIFO word; a burst of the memory must be whole words.
    fifo_bytes : :class:`int`
        Bytes that the reader may run ahead.
    out_bytes : :class:`int`
        Bytes shown to the consumer.

    Members
    -------
    play : :py:`In(stream.Signature(PlayCommand(addr_width)))`
        Plays, in whole bursts. Taken when the one before is entirely commanded.
    flush : :py:`In(1)`
        Strobe. Ignored during a flush.
    flushed : :py:`Out(1)`
        Strobe: the flush is complete.
    tape, data, cancel, idle
        The tape port of the memory, see :class:`MemorySignature`.
    o_data, available, coming, take
        The bytes, see :class:`Gearbox`.
    memory_beat : :py:`Out(1)`
        Strobe: a beat of the tape came from the memory.
    starved : :py:`Out(1)`
        Strobe: no byte was available while the memory owed some.
    ahead : :py:`Out(1)`
        The reader is as far ahead as it can be: the FIFO is full, or the tape at its end.
    """

    #: Clocks from the last beat of a word accepted to its bytes available, when empty.
    latency = Fifo.latency + Gearbox.latency

    def __init__(self, *, beat_bytes, addr_width, word_bytes, fifo_bytes, out_bytes):
        self.beat_bytes = beat_bytes
        self.addr_width = addr_width
        self.word_bytes = word_bytes
        self.fifo_bytes = fifo_bytes
        self.out_bytes = out_bytes
        self._fifo = Fifo(beat_bytes=beat_bytes, word_bytes=word_bytes, size=fifo_bytes)
        self._gearbox = Gearbox(word_bytes=word_bytes, out_bytes=out_bytes)

        super().__init__({
            "play": In(stream.Signature(PlayCommand(addr_width))),
            "flush": In(1),
            "flushed": Out(1),
            "tape": Out(stream.Signature(TapeCommand(addr_width))),
            "data": In(stream.Signature(8 * beat_bytes)),
            "cancel": Out(1),
            "idle": In(1),
            "o_data": self._gearbox.signature.members["o_data"],
            "available": self._gearbox.signature.members["available"],
            "coming": self._gearbox.signature.members["coming"],
            "take": self._gearbox.signature.members["take"],
            "memory_beat": Out(1),
            "starved": Out(1),
            "ahead": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.fifo = fifo = ResetInserter(self.cancel)(self._fifo)
        m.submodules.gearbox = gearbox = ResetInserter(self.cancel)(self._gearbox)
        m.d.comb += fifo.i.payload.eq(self.data.payload)
        connect(m, fifo=fifo.o, gearbox=gearbox.i)
        m.d.comb += [
            self.o_data.eq(gearbox.o_data),
            self.available.eq(gearbox.available),
            self.coming.eq(gearbox.coming),
            gearbox.take.eq(self.take),
        ]

        # Plays beyond the next one; the sign says there is none. A play's number is added to the
        # -1 that is left of the one before, a clock late: that needs no multiplexer.
        left = Signal(signed(33), init=-1)
        addend = Signal(signed(33), init=-1)
        endless, loading = Signal(), Signal()
        commanded = Signal()
        m.d.comb += [
            self.tape.valid.eq(~left[-1] | endless),
            commanded.eq(self.tape.valid & self.tape.ready & ~endless),
        ]
        m.d.sync += [addend.eq(-1), loading.eq(0)]
        with m.If(loading | commanded):
            m.d.sync += left.eq(left + addend)

        m.d.sync += self.flushed.eq(0)
        with m.FSM():
            with m.State("Play"):
                m.d.comb += fifo.i.valid.eq(self.data.valid)
                m.d.comb += self.data.ready.eq(fifo.i.ready)
                m.d.comb += self.play.ready.eq(left[-1] & ~endless & ~loading & ~self.flush)
                with m.If(self.play.valid & self.play.ready):
                    m.d.sync += [
                        self.tape.p.addr.eq(self.play.p.addr),
                        self.tape.p.beats.eq(self.play.p.beats),
                        addend.eq(self.play.p.plays),
                        loading.eq(1),
                        endless.eq(self.play.p.endless),
                    ]
                with m.If(self.flush):
                    m.next = "Drop"
            with m.State("Drop"):
                m.d.comb += self.cancel.eq(1)
                m.d.comb += self.data.ready.eq(1)
                # A command on offer may not be withdrawn; the memory takes and forgets it.
                with m.If(self.tape.valid & self.tape.ready):
                    m.d.sync += [left.eq(-1), endless.eq(0)]
                with m.If(~self.tape.valid & ~loading & self.idle):
                    m.d.sync += self.flushed.eq(1)
                    m.next = "Play"

        beat = self.data.valid & self.data.ready & ~self.cancel
        m.d.sync += self.memory_beat.eq(beat)
        m.d.sync += self.starved.eq(~self.idle & ~self.cancel & (self.available == 0))
        m.d.sync += self.ahead.eq(self.idle | ~fifo.i.ready)

        return m
