"""Words in, any number of bytes out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

__all__ = ["Gearbox"]


class Gearbox(wiring.Component):
    """Byte-granular reader of a stream of words.

    ``take`` drops bytes of the stream, at most as many as are ``available``; a clock later they
    stand on ``o_data``. Gives ``out_bytes`` every clock as long as a word is offered every clock
    that it is ready. Outputs are registers; ``coming`` depends on registers only.

    Four words wait in a row, one of them perhaps used up.

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
    available : :py:`Out(range(4 * word_bytes + 1))`
        Bytes that are here; may exceed ``out_bytes``.
    coming : :py:`Out(range(4 * word_bytes + 1))`
        Bytes that are available a clock later, if none are taken in this one.
    take : :py:`In(range(out_bytes + 1))`
        Bytes to drop: never more than ``available``.
    o_data : :py:`Out(8 * out_bytes)`
        The bytes of the stream from the first that ``take`` might have dropped a clock ago, the
        first lowest. Those beyond ``available`` of that clock mean nothing.

    Raises
    ------
    ValueError
        If the word is not a power of two of bytes, or the output wider than a word or empty.
    """

    #: Clocks from an accepted word to its bytes available, when empty.
    latency = 5
    #: Clocks from ``take`` to its bytes on ``o_data``.
    delay = 1

    def __init__(self, *, word_bytes, out_bytes):
        if word_bytes < 1 or word_bytes & (word_bytes - 1):
            raise ValueError(f"Word must be a power of two of bytes, not {word_bytes!r}")
        if not 1 <= out_bytes <= word_bytes:
            raise ValueError(f"Output must be 1 to {word_bytes} bytes wide, not {out_bytes!r}")
        self.word_bytes = word_bytes
        self.out_bytes = out_bytes

        super().__init__({
            "i": In(stream.Signature(8 * word_bytes)),
            "available": Out(range(4 * word_bytes + 1)),
            "coming": Out(range(4 * word_bytes + 1)),
            "take": In(range(out_bytes + 1)),
            "o_data": Out(8 * out_bytes),
        })

    def elaborate(self, platform):
        m = Module()

        shift = exact_log2(self.word_bytes)
        words = [Signal(8 * self.word_bytes, name=f"word_{n}", reset_less=True) for n in range(4)]
        valid = [Signal(name=f"valid_{n}") for n in range(4)]
        # Of the next byte in the words. Where it is not in word 0, that is used up.
        offset = Signal(shift + 1)
        next_offset = Signal.like(offset)
        m.d.comb += next_offset.eq(offset[:shift] + self.take)
        # The same in words, rounded up, and the bytes left in the last of these: for the count.
        begun = Signal(range(3))
        left = Signal(shift)
        m.d.sync += [
            offset.eq(next_offset),
            begun.eq(next_offset[shift] + next_offset[:shift].any()),
            left.eq(-next_offset),
        ]

        # Words move up where there is room, and so close one gap a clock. Whether there is any is
        # known a clock ahead.
        used = offset[shift]
        gaps = Signal(range(5))
        filled, ready = Signal(), Signal(init=1)
        m.d.comb += [
            self.i.ready.eq(ready),
            gaps.eq(sum(~word for word in valid)),
            filled.eq(Mux(used, Cat(valid[1:]).all() & self.i.valid,
                          (gaps == 0) | ((gaps == 1) & self.i.valid))),
        ]
        m.d.sync += ready.eq(next_offset[shift] | ~filled)
        room = used
        for n in range(4):
            above, above_valid = ((words[n + 1], valid[n + 1]) if n < 3 else
                                  (self.i.payload, self.i.valid))
            room = room | ~valid[n]
            with m.If(room):
                m.d.sync += words[n].eq(above)
                m.d.sync += valid[n].eq(above_valid)

        # Only words in a row count, as they are before they move.
        in_row = Signal(range(5))
        for n in range(4):
            with m.If(Cat(valid[:n + 1]).all()):
                m.d.comb += in_row.eq(n + 1)
        m.d.comb += self.coming.eq(Cat(left, in_row - begun))
        m.d.sync += self.available.eq(self.coming - self.take)

        # Wide shifts first: fewest multiplexers.
        window = Cat(words)
        for n in reversed(range(shift + 1)):
            window = Mux(offset[n], window[8 << n:], window)[:8 * (self.out_bytes + (1 << n) - 1)]
        m.d.sync += self.o_data.eq(window)

        return m
