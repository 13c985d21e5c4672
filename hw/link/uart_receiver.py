"""UART receiver: a serial line to bytes."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .baud_generator import BaudGenerator

__all__ = ["UARTReceiver"]


class UARTReceiver(wiring.Component):
    """Receives 8 data bits, least significant first, no parity, 1 stop bit.

    Each bit is sampled at its middle, counted from the start bit's edge, so the sender's clock may
    be off by 2 %. The next start bit may come half a bit early. A start bit that is gone at its
    middle was noise. A byte without its stop bit, or one that comes before the last was taken, is
    lost; the frame's CRC will tell.

    Parameters
    ----------
    clock_hz, baud : :class:`int`
        As for :class:`BaudGenerator`.

    Members
    -------
    rx : :py:`In(1, init=1)`
        The line, asynchronous.
    o : :py:`Out(stream.Signature(8))`
        Bytes received.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``.
    """

    rx: In(1, init=1)
    o: Out(stream.Signature(8))

    def __init__(self, *, clock_hz, baud):
        self.baud_generator = BaudGenerator(clock_hz=clock_hz, baud=baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        m.submodules.bits = bits = self.baud_generator

        # Two registers, no logic between them: the first may be metastable.
        line = Signal(2, init=0b11)
        m.d.sync += line.eq(Cat(self.rx, line[0]))
        level = line[1]

        byte = Signal(8)
        left = Signal(range(10))
        m.d.comb += bits.half.eq(1)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        with m.FSM():
            with m.State("Await-Start"):
                m.d.comb += bits.restart.eq(1)
                m.d.sync += left.eq(9)
                with m.If(~level):
                    m.next = "Sample-Bits"

            with m.State("Sample-Bits"):
                with m.If(bits.tick):
                    m.d.sync += left.eq(left - 1)
                    m.d.sync += byte.eq(Cat(byte[1:], level))
                    with m.If((left == 9) & level):
                        m.next = "Await-Start"
                    with m.If(left == 0):
                        m.next = "Await-Idle"
                        with m.If(level):
                            m.next = "Await-Start"
                            with m.If(self.o.ready | ~self.o.valid):
                                m.d.sync += [self.o.payload.eq(byte), self.o.valid.eq(1)]

            with m.State("Await-Idle"):
                # Without a stop bit, the line is out of step or held low.
                with m.If(level):
                    m.next = "Await-Start"

        return m
