"""Small queue behind a pipeline that is never held up: what is begun has a place in it."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["CreditQueue"]

#: Payloads begun and not taken up to which more may begin. From a payload begun to the credit that
#: its being taken gives back at most so many clocks may pass without a stall.
_BEGUN = 9


class CreditQueue(wiring.Component):
    """Queue of 16 payloads in LUT RAM whose source asks for room before it begins one.

    The source may begin a payload in a clock in which ``room`` is high, and says so by ``begin``;
    the payload may arrive any number of clocks later, in order. ``room`` is a flip-flop, so that
    no path leads from the sink to the source, and nothing in between needs an enable. One payload
    a clock, where from ``begin`` to the payload being taken are 6 clocks or fewer.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.

    Members
    -------
    room : :py:`Out(1)`
        A payload may begin.
    begin : :py:`In(1)`
        One does. Only where ``room``.
    i : :py:`In(stream.Signature(shape, always_ready=True))`
        Payloads begun, as they arrive.
    o : :py:`Out(stream.Signature(shape))`
        The same. They stand at the output of the LUT RAM.
    empty : :py:`Out(1)`
        Every payload begun has been taken.
    """

    #: Clocks from a payload arrived to the same offered, when empty.
    latency = 1
    depth = 16

    def __init__(self, shape):
        self.shape = shape
        super().__init__({
            "room": Out(1, init=1),
            "begin": In(1),
            "i": In(stream.Signature(shape, always_ready=True)),
            "o": Out(stream.Signature(shape)),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.rows = rows = Memory(shape=self.shape, depth=self.depth, init=[])
        write, read = rows.write_port(), rows.read_port(domain="comb")

        # Payloads arrived, and those begun, each less one: the sign is the answer.
        arrived = Signal(range(-1, self.depth), init=-1)
        begun = Signal(range(-1, self.depth), init=-1)
        take = self.o.valid & self.o.ready
        m.d.comb += [
            write.en.eq(self.i.valid),
            write.data.eq(self.i.payload),
            self.o.valid.eq(~arrived[-1]),
            self.o.payload.eq(read.data),
            self.empty.eq(begun[-1]),
        ]
        m.d.sync += [
            write.addr.eq(write.addr + self.i.valid),
            read.addr.eq(read.addr + take),
            # One more begins in this clock, and one in the next.
            self.room.eq(begun < _BEGUN - 1),
        ]

        # The sink's answer is late: it only decides whether they change.
        for number, more in (arrived, self.i.valid), (begun, self.begin):
            with m.If(more != take):
                m.d.sync += number.eq(Mux(more, number + 1, number - 1))

        return m
