"""CRC-32 over the logits of each slot: the proof that they equal the golden model's."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LogitCRC"]

#: CRC-32 of Ethernet and zlib, least significant bit first.
POLYNOMIAL = 0xEDB88320


class LogitCRC(wiring.Component):
    """Keeps a CRC-32 for each slot over its logits, as zlib computes it over little-endian int32.

    Four bits a clock, by one piece of logic for all slots. (Amaranth's own CRC holds its register
    inside, so each slot would need a whole one.)

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature({slot, logit}))`
        Logits, one in ``interval`` clocks.
    clear : :py:`In(slots)`
        Strobes: start these slots anew. Not while a logit is under way.
    crc : :py:`Out(data.ArrayLayout(32, slots))`
        CRC over all logits, ``interval`` clocks after the last one was taken.

    Raises
    ------
    ValueError
        If there are no slots.
    """

    #: Clocks from logit to logit, and from a logit to its CRC.
    interval = 9

    def __init__(self, *, slots):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "logit": signed(32)}))),
            "clear": In(slots),
            "crc": Out(data.ArrayLayout(32, slots)),
        })

    def elaborate(self, platform):
        m = Module()

        # Kept inverted, as it is computed: so a reset starts it anew.
        registers = Array(Signal(32, name=f"register_{n}", init=0xFFFFFFFF)
                          for n in range(self.slots))
        m.d.comb += [crc.eq(~register) for crc, register in zip(self.crc, registers)]

        slot = Signal(range(self.slots))
        work = Signal(32, reset_less=True)
        step = Signal(range(8))

        shifted = work
        for _ in range(4):
            shifted = (shifted >> 1) ^ Mux(shifted[0], POLYNOMIAL, 0)

        with m.FSM():
            with m.State("Take-Logit"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [work.eq(registers[self.i.p.slot] ^ self.i.p.logit),
                                 slot.eq(self.i.p.slot)]
                    m.next = "Divide"

            with m.State("Divide"):
                m.d.sync += [work.eq(shifted), step.eq(step + 1)]
                with m.If(step == 7):
                    m.d.sync += registers[slot].eq(shifted)
                    m.next = "Take-Logit"

        for clear, register in zip(self.clear, registers):
            with m.If(clear):
                m.d.sync += register.eq(register.init)

        return m
