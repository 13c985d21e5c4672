"""Absolute maximum or sum of squares of the results, for each slot."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .lowest import lowest

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

        magnitude = Signal(32, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += magnitude.eq(abs(self.i.p.value))

        # The square from products of 16-bit halves: high^2 << 32, high * low << 17, low^2.
        outer = Signal(64, reset_less=True)
        middle = Signal(32, reset_less=True)
        later_magnitude = Signal(32, reset_less=True)
        high, low = magnitude[16:], magnitude[:16]
        with m.If(valid[0]):
            m.d.sync += [outer.eq(Cat(low * low, high * high)), middle.eq(high * low),
                         later_magnitude.eq(magnitude)]
        term = Signal(64, reset_less=True)
        with m.If(valid[1]):
            with m.If(self.squares):
                m.d.sync += term.eq(Cat(outer[:17], (outer[17:] + middle)[:47]))
            with m.Else():
                m.d.sync += term.eq(later_magnitude)

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

        present = Signal(_HALF)
        total = Signal(_HALF + 1)
        upper_term = Signal(64 - _HALF, reset_less=True)
        carry = Signal(reset_less=True)
        m.d.comb += [
            lower_read.addr.eq(Mux(sending, send_slot, lower_slot)),
            present.eq(Mux(lower_used.bit_select(lower_slot, 1), lower_read.data, 0)),
            total.eq(present + term[:_HALF]),
            lower_write.addr.eq(lower_slot),
            lower_write.en.eq(valid[2]),
        ]
        with m.If(self.squares):
            m.d.comb += lower_write.data.eq(total)
        with m.Else():
            m.d.comb += lower_write.data.eq(
                Mux(present[:32] < term[:32], term[:32], present[:32]))
        with m.If(valid[2]):
            m.d.sync += [carry.eq(total[-1]), upper_term.eq(term[_HALF:]),
                         lower_used.eq(lower_used | 1 << lower_slot)]

        m.d.comb += [
            upper_read.addr.eq(Mux(sending, send_slot, upper_slot)),
            upper_write.addr.eq(upper_slot),
            upper_write.data.eq(
                Mux(upper_used.bit_select(upper_slot, 1), upper_read.data, 0)
                + upper_term + carry),
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
