"""Buffer of the last token's logits, for the host."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["LogitBuffer"]


class LogitBuffer(wiring.Component):
    """Keeps the logits of each slot by row, as far as there is room.

    Memory: slots * words x 32 bits; 1024 words are two block RAMs.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.
    words : :class:`int`
        Logits kept of each slot, a power of two.

    Members
    -------
    i : :py:`In(stream.Signature({slot, row, logit}, always_ready=True))`
        Logits. Those of row ``words`` and beyond are dropped.
    clear : :py:`In(slots)`
        Strobes: these slots' new tokens start, nothing has overflowed. Logits stay until
        overwritten.
    overflow : :py:`Out(slots)`
        Slots of which logits were dropped.
    slot, index : :py:`In(...)`
        Logit asked for.
    logit : :py:`Out(signed(32))`
        The logit, ``latency`` clocks later.

    Raises
    ------
    ValueError
        If the slots are none, or the words no power of two.
    """

    #: Clocks from slot and index to the logit: the block RAM and a register behind it.
    latency = 2

    def __init__(self, *, slots, words):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        if words < 1 or words & (words - 1):
            raise ValueError(f"Word count must be a power of two, not {words!r}")
        self.slots = slots
        self.words = words
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "row": 18, "logit": signed(32)}), always_ready=True)),
            "clear": In(slots),
            "overflow": Out(slots),
            "slot": In(range(slots)),
            "index": In(range(words)),
            "logit": Out(signed(32)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.logits = logits = Memory(
            shape=signed(32), depth=self.slots * self.words, init=[])
        write, read = logits.write_port(), logits.read_port()
        n_bits = len(self.index)
        fits = ~self.i.p.row[n_bits:].any()
        m.d.comb += [
            write.addr.eq(Cat(self.i.p.row[:n_bits], self.i.p.slot)),
            write.data.eq(self.i.p.logit),
            write.en.eq(self.i.valid & fits),
            read.addr.eq(Cat(self.index, self.slot)),
        ]
        m.d.sync += self.logit.eq(read.data)

        with m.If(self.clear.any()):
            m.d.sync += self.overflow.eq(self.overflow & ~self.clear)
        with m.Elif(self.i.valid & ~fits):
            m.d.sync += self.overflow.bit_select(self.i.p.slot, 1).eq(1)

        return m
