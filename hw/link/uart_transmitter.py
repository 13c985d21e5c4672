"""UART transmitter: bytes to a serial line."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .baud_generator import BaudGenerator

__all__ = ["UARTTransmitter"]


class UARTTransmitter(wiring.Component):
    """Sends 8 data bits, least significant first, no parity, 1 stop bit.

    Parameters
    ----------
    clock_hz, baud : :class:`int`
        As for :class:`BaudGenerator`.

    Members
    -------
    i : :py:`In(stream.Signature(8))`
        Bytes to send.
    tx : :py:`Out(1, init=1)`
        The line.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``.
    """

    i: In(stream.Signature(8))
    tx: Out(1, init=1)

    def __init__(self, *, clock_hz, baud):
        self.baud_generator = BaudGenerator(clock_hz=clock_hz, baud=baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        m.submodules.bits = bits = self.baud_generator

        rest = Signal(9)  # the bits behind the one on the line, the stop bit last
        left = Signal(range(10))
        with m.FSM():
            with m.State("Take-Byte"):
                m.d.comb += [self.i.ready.eq(1), bits.restart.eq(1)]
                with m.If(self.i.valid):
                    m.d.sync += [self.tx.eq(0), rest.eq(Cat(self.i.payload, 1)), left.eq(9)]
                    m.next = "Send-Bits"

            with m.State("Send-Bits"):
                with m.If(bits.tick):
                    m.d.sync += [Cat(self.tx, rest).eq(Cat(rest, 1)), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "Take-Byte"

        return m
