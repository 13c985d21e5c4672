"""Words in, any number of bytes out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

__all__ = ["Gearbox"]


class Gearbox(wiring.Component):
    """Byte-granular reader of a stream of words.

    Shows the next ``out_bytes`` bytes of the stream, of which ``available`` are valid, and drops
    ``take`` of them at the clock edge. Both are registers. Gives ``out_bytes`` every clock as long
    as a word is offered every clock that it is ready. ``i.ready`` depends on ``take`` in the same
    clock.

    Three words wait in a row; the window on them is chosen one clock ahead.

    Parameters
    ----------
    word_bytes : :class:`int`
        Bytes of a word, a power of two.
    out_bytes : :class:`int`
        Bytes shown, at most a word.

    Members
    -------
    i : :py:`In(stream.Signature(8 * word_bytes))`
        Words, the first byte lowest.
    o_data : :py:`Out(8 * out_bytes)`
        The next bytes of the stream, the first lowest. Those beyond ``available`` mean nothing.
    available : :py:`Out(range(3 * word_bytes + 1))`
        Bytes that are here; may exceed ``out_bytes``.
    take : :py:`In(range(out_bytes + 1))`
        Bytes to drop: never more than ``available``.

    Raises
    ------
    ValueError
        If the word is not a power of two of bytes, or the output wider than a word or empty.
    """

    #: Clocks from an accepted word to its bytes available, when empty.
    latency = 4

    def __init__(self, *, word_bytes, out_bytes):
        if word_bytes < 1 or word_bytes & (word_bytes - 1):
            raise ValueError(f"Word must be a power of two of bytes, not {word_bytes!r}")
        if not 1 <= out_bytes <= word_bytes:
            raise ValueError(f"Output must be 1 to {word_bytes} bytes wide, not {out_bytes!r}")
        self.word_bytes = word_bytes
        self.out_bytes = out_bytes

        super().__init__({
            "i": In(stream.Signature(8 * word_bytes)),
            "o_data": Out(8 * out_bytes),
            "available": Out(range(3 * word_bytes + 1)),
            "take": In(range(out_bytes + 1)),
        })

    def elaborate(self, platform):
        m = Module()

        shift = exact_log2(self.word_bytes)
        words = [Signal(8 * self.word_bytes, name=f"word_{n}", reset_less=True) for n in range(3)]
        valid = [Signal(name=f"valid_{n}") for n in range(3)]
        offset = Signal(shift)  # of the next byte in word 0
        after = Signal(shift + 1)  # the same, after `take`

        m.d.comb += after.eq(offset + self.take)
        m.d.sync += offset.eq(after[:shift])

        # Words move up where there is room.
        moves = []
        room = after[shift]
        for n in range(3):
            room = ~valid[n] | room
            moves.append(room)
        for n in range(2):
            with m.If(moves[n]):
                m.d.sync += words[n].eq(words[n + 1])
                m.d.sync += valid[n].eq(valid[n + 1])
        m.d.comb += self.i.ready.eq(moves[2])
        with m.If(self.i.ready):
            m.d.sync += words[2].eq(self.i.payload)
            m.d.sync += valid[2].eq(self.i.valid)

        # The window sees only words in a row, as they are before they move.
        in_row = Signal(range(4))
        with m.If(valid[0]):
            m.d.comb += in_row.eq(1 + valid[1] + (valid[1] & valid[2]))
        m.d.sync += self.available.eq((in_row << shift) - after)
        # Wide shifts first: fewest multiplexers.
        window = Cat(words)
        for n in reversed(range(shift + 1)):
            window = Mux(after[n], window[8 << n:], window)[:8 * (self.out_bytes + (1 << n) - 1)]
        m.d.sync += self.o_data.eq(window)

        return m
