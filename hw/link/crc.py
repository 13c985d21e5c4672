"""CRC-32 of a stream of bytes, and its bytes one after the other."""

from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CRC32"]

#: CRC-32 of Ethernet and zlib, least significant bit first.
_POLYNOMIAL = 0xEDB88320


def _effect(byte):
    """Return what the register becomes from ``byte`` in eight steps of one bit."""
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


class CRC32(wiring.Component):
    """Takes a byte a clock, as zlib's ``crc32`` does.

    Members
    -------
    clear : :py:`In(1)`
        Begins anew, whatever ``en`` says.
    data, en : :py:`In(8)`, :py:`In(1)`
        Strobe: a byte.
    shift : :py:`In(1)`
        Drops the lowest byte of the checksum.
    byte : :py:`Out(8)`
        Lowest byte of the checksum, a clock after the last byte.
    match : :py:`Out(1)`
        The last four bytes were the checksum of those before them, combinational.
    """

    #: What the register holds behind data and their checksum.
    _RESIDUE = 0xDEBB20E3

    clear: In(1)
    data: In(8)
    en: In(1)
    shift: In(1)
    byte: Out(8)
    match: Out(1)

    def elaborate(self, platform):
        m = Module()

        register = Signal(32, init=0xFFFFFFFF)  # the checksum, inverted
        index = Signal(8)
        # Shifting is taking the register's own byte.
        m.d.comb += index.eq((self.data ^ register[:8]) & (~self.shift).replicate(8))
        # A byte's effect is the sum of its bits' effects.
        effects = [_effect(1 << bit) for bit in range(8)]
        table = Cat(reduce(xor, (index[bit] for bit in range(8) if effects[bit] >> n & 1))
                    for n in range(32))
        with m.If(self.en | self.shift):
            m.d.sync += register.eq((register >> 8) ^ table)
        with m.If(self.clear):
            m.d.sync += register.eq(register.init)
        m.d.comb += [self.byte.eq(~register[:8]), self.match.eq(register == self._RESIDUE)]

        return m
