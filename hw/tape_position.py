"""Tape position: how much of the tape has been taken, and whether it ends."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

__all__ = ["TapePosition"]


class TapePosition(wiring.Component):
    """Counts the bytes that are taken, and compares them with the length of the tape.

    Tapes are whole bursts, so only bursts are compared, and only for equality: nothing here is
    as long as a position is wide.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.
    out_bytes : :class:`int`
        Most bytes taken in a clock.

    Members
    -------
    restart : :py:`In(1)`
        Back to the start of the tape; nothing is taken in this clock and the one before.
    bursts : :py:`In(...)`
        Length of the tape, constant but for ``restart``.
    take : :py:`In(range(out_bytes + 1))`
        Bytes taken.
    available : :py:`In(range(4 * word_bytes + 1))`
        Bytes that may be taken, of this tape or of what is played behind it.
    position : :py:`Out(...)`
        Bytes taken, two clocks after ``take``.
    over : :py:`Out(1)`
        ``position`` is at the end of the tape or behind it.
    beyond : :py:`Out(1)`
        ``position`` is behind the end of the tape.
    all_here : :py:`Out(1)`
        ``available`` reaches, or reached, to the end of the tape. Some clocks late.

    Raises
    ------
    ValueError
        If a burst is shorter than four times ``out_bytes``.
    """

    #: Clocks from ``take`` to ``position``.
    latency = 2

    def __init__(self, *, config, out_bytes):
        if config.burst_bytes < 4 * out_bytes:
            raise ValueError(f"A burst must have {4 * out_bytes} bytes or more for "
                             f"{out_bytes} bytes a clock, not {config.burst_bytes!r}")
        self.config = config
        self.out_bytes = out_bytes
        super().__init__({
            "restart": In(1),
            "bursts": In(bits_for(config.memory_size // config.burst_bytes)),
            "take": In(range(out_bytes + 1)),
            "available": In(range(4 * config.word_bytes + 1)),
            "position": Out(bits_for(config.memory_size)),
            "over": Out(1),
            "beyond": Out(1),
            "all_here": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        shift = exact_log2(self.config.burst_bytes)
        low, burst = self.position[:shift], self.position[shift:]
        following = Signal(len(burst), init=1)  # burst + 1, of which there is time to make it
        taken = Signal.like(self.take)
        available = Signal.like(self.available)
        after = Signal(shift + 1)
        m.d.comb += after.eq(low + taken)
        m.d.sync += [taken.eq(self.take), available.eq(self.available), low.eq(after)]

        # In the last burst of the tape; a burst lasts longer than the comparison.
        last = Signal()
        over = Signal()
        m.d.sync += last.eq(following == self.bursts)
        with m.If(after[shift]):
            m.d.sync += [burst.eq(following), following.eq(following + 1)]
        m.d.comb += over.eq(self.over | (after[shift] & last))
        m.d.sync += self.over.eq(over)
        with m.If(over & after[:shift].any()):
            m.d.sync += self.beyond.eq(1)

        # Both sides of the sum are of the same clock, and the burst is that of `low`.
        reached = Signal()
        m.d.sync += reached.eq((low + available) >> shift != 0)
        m.d.comb += self.all_here.eq(self.over | (last & reached))

        with m.If(self.restart):
            m.d.sync += [self.position.eq(0), following.eq(1), self.over.eq(0),
                         self.beyond.eq(0)]

        return m
