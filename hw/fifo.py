"""Block-RAM FIFO that takes memory beats and gives wider words."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from .credit_queue import CreditQueue
from .dual_port_ram import DualPortRAM

__all__ = ["Fifo"]


class Fifo(wiring.Component):
    """FIFO of ``size`` bytes: beats in, words out, the first beat lowest in its word.

    Full rate on both sides: a beat every clock, a word every clock. Neither handshake depends on
    the other in the same clock. Words are read ahead into a :class:`CreditQueue`, through the
    block RAM's output register: many block RAMs lie far apart, and without that register are slow
    to show their data. Beats of an unfinished word stay inside. At most 3 words of the block RAM
    remain unused.

    Takes ``size / 2048`` block RAMs of an ECP5, and none for 16 words or less.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat.
    word_bytes : :class:`int`
        Bytes of a word, a multiple of ``beat_bytes``.
    size : :class:`int`
        Bytes, a power of two of words, 8 or more.

    Members
    -------
    i : :py:`In(stream.Signature(8 * beat_bytes))`
        Beats.
    o : :py:`Out(stream.Signature(8 * word_bytes))`
        Words.

    Raises
    ------
    ValueError
        If a word is not whole beats, or the size not a power of two of words.
    """

    #: Clocks from the last beat of a word accepted to the word offered, when empty.
    latency = 4 + CreditQueue.latency

    def __init__(self, *, beat_bytes, word_bytes, size):
        if beat_bytes < 1 or word_bytes < beat_bytes or word_bytes % beat_bytes:
            raise ValueError(f"Word must be a whole number of {beat_bytes!r}-byte beats, "
                             f"not {word_bytes!r} bytes")
        words = size // word_bytes
        if words < 8 or words & (words - 1) or words * word_bytes != size:
            raise ValueError(f"FIFO size must be a power of two of {word_bytes}-byte words, 8 or "
                             f"more, not {size!r} bytes")
        self.beat_bytes = beat_bytes
        self.word_bytes = word_bytes
        self.size = size

        super().__init__({
            "i": In(stream.Signature(8 * beat_bytes)),
            "o": Out(stream.Signature(8 * word_bytes)),
        })

    def elaborate(self, platform):
        m = Module()

        words = self.size // self.word_bytes
        beats = self.word_bytes // self.beat_bytes

        m.submodules.storage = storage = DualPortRAM(width=8 * self.word_bytes, depth=words)

        # Words in the block RAM that have not been read, less one: the sign is the answer. The
        # word that is written counts only once it is there to be read.
        level = Signal(range(-1, words), init=-1)

        # Beats to words.
        full = Signal()
        beat = Signal(range(beats))
        word = Signal(8 * self.word_bytes, reset_less=True)
        m.d.comb += self.i.ready.eq(~full)
        m.d.comb += storage.w_data.eq(word)
        m.d.sync += storage.w_en.eq(0)
        m.d.sync += storage.w_addr.eq(storage.w_addr + storage.w_en)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += word.eq(Cat(word, self.i.payload)[8 * self.beat_bytes:])
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == beats - 1):
                m.d.sync += beat.eq(0)
                m.d.sync += storage.w_en.eq(1)

        # Two more words may come before `full` is seen.
        m.d.sync += full.eq(~level[-1] & level[2:-1].all())

        # Block RAM to the queue. Nothing on this way has an enable: so the second register is the
        # block RAM's own.
        m.submodules.queue = queue = CreditQueue(8 * self.word_bytes)
        connect(m, queue=queue.o, fifo=flipped(self.o))
        read = ~level[-1] & queue.room
        row = Signal(8 * self.word_bytes, reset_less=True)
        shown = Signal()
        m.d.comb += [
            queue.begin.eq(read),
            queue.i.payload.eq(row),
        ]
        m.d.sync += [
            storage.r_addr.eq(storage.r_addr + read),
            level.eq(level + storage.w_en - read),
            shown.eq(read),
            row.eq(storage.r_data),
            queue.i.valid.eq(shown),
        ]

        return m
