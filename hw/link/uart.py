"""The UART: a serial port as two streams of bytes."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from .uart_receiver import UARTReceiver
from .uart_transmitter import UARTTransmitter

__all__ = ["UART"]


class UART(wiring.Component):
    """A serial port with 8 data bits, no parity, 1 stop bit, no flow control.

    Parameters
    ----------
    clock_hz : :class:`int`
        Frequency of the clock.
    baud : :class:`int`
        Bits a second, at most an eighth of ``clock_hz``; 3,000,000 is the FT231X's most.

    Members
    -------
    rx : :py:`In(1, init=1)`
        The line from the host, asynchronous.
    tx : :py:`Out(1, init=1)`
        The line to the host.
    i : :py:`In(stream.Signature(8))`
        Bytes to send.
    o : :py:`Out(stream.Signature(8))`
        Bytes received; lost where they are not taken before the next one.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``.
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, *, clock_hz, baud=3_000_000):
        self.receiver = UARTReceiver(clock_hz=clock_hz, baud=baud)
        self.transmitter = UARTTransmitter(clock_hz=clock_hz, baud=baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        m.submodules.receiver = receiver = self.receiver
        m.submodules.transmitter = transmitter = self.transmitter
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        connect(m, receiver=receiver.o, o=flipped(self.o))
        connect(m, i=flipped(self.i), transmitter=transmitter.i)

        return m
