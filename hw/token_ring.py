"""Token ring: the tokens sampled last, for the host to read."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.registers import RING_ENTRIES, TOKEN_BITS

from .dual_port_ram import DualPortRAM
from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["RingEntry", "TokenRing"]


class RingEntry(data.Struct):
    """What the ring keeps of a play: the sampled token, and the CRC over its logits."""

    token: TOKEN_BITS
    crc: 32


class TokenRing(wiring.Component):
    """A ring for each slot, and how many entries were ever written to it.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.
    entries : :class:`int`
        Entries of a ring, a power of two. Where they are fewer than the register map has places
        for, the places repeat.

    Members
    -------
    ring : :py:`In(RegisterBus)`
        Page ``ring``.
    counts : :py:`In(RegisterBus)`
        Page ``counts``.
    slot : :py:`In(range(slots))`
        Whose ring is written, from the clock before ``en`` on.
    entry : :py:`In(RingEntry)`
        What is written.
    en : :py:`In(1)`
        Writes the entry behind the last one, in every other clock at most. Once it shows in the
        count, it can be read; the entry that is written in that very clock reads as anything.

    Memory: slots * entries rows of 50 bits, three block RAMs for 1024.

    Raises
    ------
    ValueError
        If there is no slot.
    """

    def __init__(self, *, slots, entries=RING_ENTRIES):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        self.entries = entries
        super().__init__({
            "ring": In(RegisterBus),
            "counts": In(RegisterBus),
            "slot": In(range(slots)),
            "entry": In(RingEntry),
            "en": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.storage = storage = DualPortRAM(
            width=RingEntry.as_shape().size, depth=self.slots * self.entries)

        index_bits, place_bits = exact_log2(self.entries), exact_log2(RING_ENTRIES)
        counts = Array(Signal(32, name=f"count_{n}") for n in range(self.slots))
        count, selected = Signal(32), Signal(self.slots)
        m.d.sync += [count.eq(counts[self.slot]), selected.eq(1 << self.slot)]
        m.d.comb += [
            storage.w_addr.eq(Cat(count[:index_bits], self.slot)),
            storage.w_data.eq(self.entry),
            storage.w_en.eq(self.en),
        ]
        for n in range(self.slots):
            with m.If(self.en & selected[n]):
                m.d.sync += counts[n].eq(count + 1)

        m.submodules.counts_file = counts_file = RegisterFile()
        connect(m, flipped(self.counts), counts_file.bus)
        with m.If(counts_file.addr < self.slots):
            m.d.comb += counts_file.word.eq(counts[counts_file.addr])

        m.submodules.ring_file = ring_file = RegisterFile(delay=2)
        connect(m, flipped(self.ring), ring_file.bus)
        # Two words an entry: the token, then the CRC.
        entry = Signal(RingEntry)
        m.d.sync += entry.eq(storage.r_data)
        m.d.comb += storage.r_addr.eq(Cat(ring_file.addr[1:1 + index_bits],
                                          ring_file.addr[1 + place_bits:]))
        with m.If(ring_file.addr < 2 * self.slots * RING_ENTRIES):
            m.d.comb += ring_file.word.eq(Mux(ring_file.addr[0], entry.crc, entry.token))

        return m
