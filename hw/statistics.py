"""Absolute maximum or sum of squares of the results, for each slot."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .delay import delay
from .gated_add import GatedAdd
from .lowest import lowest
from .or_add import OrAdd

__all__ = ["Statistics"]

#: The sum of squares is kept in two halves, so that no addition is longer than this.
_HALF = 40


class Statistics(wiring.Component):
    """Gathers the absolute maximum or the sum of squares of int32 elements, exact in 80 bits.

    Takes one element a clock; slots may interleave. After the last element the value of each slot
    that had one leaves, the lowest slot first, and everything starts from zero again. The square
    has a multiplier of its own: three MULT18X18D of an ECP5.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    squares : :py:`In(1)`
        Gather the sum of squares, else the absolute maximum. Constant while busy.
    i : :py:`In(stream)`
        ``slot``, ``value`` (int32), and ``last`` with the last element of all. Always ready; the
        next element must wait for ``done``.
    o : :py:`Out(stream)`
        ``slot``, ``value`` (80 bits, unsigned).
    done : :py:`Out(1)`
        Strobe: the last slot's value leaves.
    """

    #: Clocks from the last element to the first statistic.
    latency = 5

    def __init__(self, *, slots):
        self.slots = slots

        super().__init__({
            "squares": In(1),
            "i": In(stream.Signature(data.StructLayout({
                "slot": range(slots), "value": signed(32), "last": 1}), always_ready=True)),
            "o": Out(stream.Signature(data.StructLayout({
                "slot": range(slots), "value": 2 * _HALF}))),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        side = data.StructLayout({"slot": range(self.slots), "last": 1})
        valid = Signal(4)
        sides = [Signal(side, name=f"side_{n}", reset_less=True) for n in range(4)]
        m.d.sync += valid.eq(Cat(self.i.valid, valid))
        for n, (before, after) in enumerate(zip([self.i.p, *sides], sides)):
            with m.If(self.i.valid if n == 0 else valid[n - 1]):
                m.d.sync += [after.slot.eq(before.slot), after.last.eq(before.last)]

        # The magnitude goes to the square or past it: what does not want it holds zero.
        m.submodules.absolute = absolute = OrAdd(width=32)
        factor, magnitude = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.comb += [absolute.c.eq(self.i.p.value), absolute.subtract.eq(self.i.p.value[-1])]
        with m.If(self.squares):
            m.d.sync += [factor.eq(absolute.o), magnitude.eq(0)]
        with m.Else():
            m.d.sync += [factor.eq(0), magnitude.eq(absolute.o)]

        # The square from products of 16-bit halves: high^2 << 32, high * low << 17, low^2.
        outer = Signal(64, reset_less=True)
        middle = Signal(32, reset_less=True)
        high, low = factor[16:], factor[:16]
        later_magnitude = delay(m, magnitude, 1, name="later_magnitude")
        m.d.sync += [outer.eq(Cat(low * low, high * high)), middle.eq(high * low)]

        m.submodules.join = join = OrAdd(width=47)
        term = Signal(64, reset_less=True)
        m.d.comb += [
            join.a.eq(outer[17:]),
            join.b.eq(later_magnitude[17:]),
            join.c.eq(middle),
        ]
        m.d.sync += term.eq(Cat(outer[:17] | later_magnitude[:17], join.o))

        # Lower halves, with the maximum among them; then, a clock later, upper halves.
        lower = Memory(shape=_HALF, depth=self.slots, init=[])
        upper = Memory(shape=_HALF, depth=self.slots, init=[])
        m.submodules.lower, m.submodules.upper = lower, upper
        lower_write, lower_read = lower.write_port(), lower.read_port(domain="comb")
        upper_write, upper_read = upper.write_port(), upper.read_port(domain="comb")

        lower_used, upper_used = Signal(self.slots), Signal(self.slots)
        lower_slot, upper_slot = sides[2].slot, sides[3].slot
        sending, todo = Signal(), Signal(self.slots)
        send_slot, send_bit = lowest(todo)

        # A maximum is written where it is a greater one; what was there is left out of the sum.
        m.submodules.lower_add = lower_add = GatedAdd(width=_HALF + 1)
        used, greater = Signal(), Signal()
        m.d.comb += [
            used.eq(lower_used.bit_select(lower_slot, 1)),
            greater.eq((lower_read.data[:32] - term[:32])[-1]),
            lower_read.addr.eq(Mux(sending, send_slot, lower_slot)),
            lower_add.a.eq(lower_read.data),
            lower_add.en.eq(used & self.squares),
            lower_add.b.eq(term[:_HALF]),
            lower_write.addr.eq(lower_slot),
            lower_write.data.eq(lower_add.o),
            lower_write.en.eq(valid[2] & (self.squares | ~used | greater)),
        ]
        carry = Signal(reset_less=True)
        upper_term = Signal(64 - _HALF, reset_less=True)
        m.d.sync += [carry.eq(lower_add.o[-1]), upper_term.eq(term[_HALF:])]
        with m.If(valid[2]):
            m.d.sync += lower_used.eq(lower_used | 1 << lower_slot)

        m.submodules.upper_add = upper_add = GatedAdd(width=_HALF)
        m.d.comb += [
            upper_read.addr.eq(Mux(sending, send_slot, upper_slot)),
            upper_add.a.eq(upper_read.data),
            upper_add.en.eq(upper_used.bit_select(upper_slot, 1)),
            upper_add.b.eq(upper_term),
            upper_add.carry.eq(carry),
            upper_write.addr.eq(upper_slot),
            upper_write.data.eq(upper_add.o),
            upper_write.en.eq(valid[3]),
        ]
        with m.If(valid[3]):
            m.d.sync += upper_used.eq(upper_used | 1 << upper_slot)

        # All slots that had an element, the lowest first.
        with m.If(valid[3] & sides[3].last):
            m.d.sync += [sending.eq(1), todo.eq(lower_used)]
        m.d.comb += [
            self.o.valid.eq(sending),
            self.o.p.slot.eq(send_slot),
            self.o.p.value.eq(Cat(lower_read.data, upper_read.data)),
            self.done.eq(sending & self.o.ready & (todo == send_bit)),
        ]
        with m.If(sending & self.o.ready):
            m.d.sync += todo.eq(todo & ~send_bit)
        with m.If(self.done):
            m.d.sync += [sending.eq(0), lower_used.eq(0), upper_used.eq(0)]

        return m
