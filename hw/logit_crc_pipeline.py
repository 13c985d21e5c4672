"""CRC-32 over the logits of each slot, one logit in every clock."""

from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .logit_crc import POLYNOMIAL

__all__ = ["LogitCRCPipeline"]


def _effect(word):
    """Return what the register becomes from ``word`` in 32 steps of one bit."""
    for _ in range(32):
        word = (word >> 1) ^ (POLYNOMIAL if word & 1 else 0)
    return word


#: Effects of the bits of a word: together they are the word's, for the division is linear.
_EFFECTS = [_effect(1 << bit) for bit in range(32)]


def _divided(word):
    return Cat(reduce(xor, (word[bit] for bit in range(32) if _EFFECTS[bit] >> n & 1))
               for n in range(32))


class LogitCRCPipeline(wiring.Component):
    """What :class:`.logit_crc.LogitCRC` computes, a logit a clock.

    A logit's own effect is found ahead; only the register's division and one exclusive or remain.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    i : :py:`In(stream.Signature({slot, logit}, always_ready=True))`
        Logits.
    clear : :py:`In(slots)`
        Strobes: start these slots anew. Not while a logit is under way.
    crc : :py:`Out(data.ArrayLayout(32, slots))`
        CRC over all logits, ``latency`` clocks after the last one.

    Raises
    ------
    ValueError
        If there are no slots.
    """

    #: Clocks from a logit to its CRC.
    latency = 2

    def __init__(self, *, slots):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        self.slots = slots
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "logit": signed(32)}), always_ready=True)),
            "clear": In(slots),
            "crc": Out(data.ArrayLayout(32, slots)),
        })

    def elaborate(self, platform):
        m = Module()

        # Kept inverted, as it is computed: so a reset starts it anew.
        registers = Array(Signal(32, name=f"register_{n}", init=0xFFFFFFFF)
                          for n in range(self.slots))
        m.d.comb += [crc.eq(~register) for crc, register in zip(self.crc, registers)]

        # The slot's register is fetched a clock ahead, but where the logit before changes it yet.
        slot, valid = Signal.like(self.i.p.slot, reset_less=True), Signal()
        effect, fetched, newest = (Signal(32, name=name, reset_less=True)
                                   for name in ("effect", "fetched", "newest"))
        same = Signal()
        following = Signal(32)
        m.d.comb += following.eq(_divided(Mux(same, newest, fetched)) ^ effect)
        m.d.sync += [
            slot.eq(self.i.p.slot),
            valid.eq(self.i.valid),
            effect.eq(_divided(self.i.p.logit.as_unsigned())),
            fetched.eq(registers[self.i.p.slot]),
            same.eq(valid & (self.i.p.slot == slot)),
            newest.eq(following),
        ]
        with m.If(valid):
            m.d.sync += registers[slot].eq(following)

        for clear, register in zip(self.clear, registers):
            with m.If(clear):
                m.d.sync += register.eq(register.init)

        return m
