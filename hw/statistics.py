"""Absolute maximum or sum of squares of the results, for each slot."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .delay import delay
from .gated_add import GatedAdd
from .or_add import OrAdd
from .product import Product
from .slot_walk import SlotWalk

__all__ = ["Statistics"]

#: The sum of squares is kept in two halves, so that no addition is longer than this.
_HALF = 40


class Statistics(wiring.Component):
    """Gathers the absolute maximum or the sum of squares of int32 elements, exact in 80 bits.

    Takes a beat of elements a clock; slots may interleave. After the last one the value of each
    slot that had one leaves, the lowest slot first, and everything starts from zero again; where
    it is to be kept, nothing leaves, and what follows is gathered beside it. The squares have
    multipliers of their own: three MULT18X18D of an ECP5 for each lane.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.
    lanes : :class:`int`
        Elements of a beat, a power of two.

    Members
    -------
    squares : :py:`In(1)`
        Gather the sum of squares, else the absolute maximum. Constant while busy.
    keep : :py:`In(1)`
        The last element is not the last one: more follow in a later command. Constant while busy.
        With one slot it is not there.
    i : :py:`In(stream)`
        ``slot``, ``values`` (int32), which lanes beside the first hold one (``more``), and ``last``
        with the last beat of all. Always ready; the next beat must wait for ``done``.
    o : :py:`Out(stream)`
        ``slot``, ``value`` (80 bits, unsigned).
    done : :py:`Out(1)`
        Strobe: the last slot's value leaves, or all are kept.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from the last beat to the first statistic: with one lane that of the class, and one
        more each time the lanes are doubled.
    """

    latency = 5

    def __init__(self, *, slots, lanes=1):
        self.slots = slots
        self.lanes = lanes
        self.latency = Statistics.latency + exact_log2(lanes)

        super().__init__({
            "squares": In(1),
            **({"keep": In(1)} if slots > 1 else {}),
            "i": In(stream.Signature(data.StructLayout({
                "slot": range(slots), "values": data.ArrayLayout(signed(32), lanes),
                "more": lanes - 1, "last": 1}), always_ready=True)),
            "o": Out(stream.Signature(data.StructLayout({
                "slot": range(slots), "value": 2 * _HALF}))),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # What goes along, and the stages in which the lower and the upper halves are added.
        side = data.StructLayout({"slot": range(self.slots), "last": 1})
        lower_stage = 2 + exact_log2(self.lanes)
        upper_stage = lower_stage + 1
        valid = Signal(upper_stage + 1)
        sides = [Signal(side, name=f"side_{n}", reset_less=True) for n in range(upper_stage + 1)]
        m.d.sync += valid.eq(Cat(self.i.valid, valid))
        for n, (before, after) in enumerate(zip([self.i.p, *sides], sides)):
            with m.If(self.i.valid if n == 0 else valid[n - 1]):
                m.d.sync += [after.slot.eq(before.slot), after.last.eq(before.last)]

        term = self._term(m)

        # Lower halves, with the maximum among them; then, a clock later, upper halves.
        lower = Memory(shape=_HALF, depth=self.slots, init=[])
        upper = Memory(shape=_HALF, depth=self.slots, init=[])
        m.submodules.lower, m.submodules.upper = lower, upper
        lower_write, lower_read = lower.write_port(), lower.read_port(domain="comb")
        upper_write, upper_read = upper.write_port(), upper.read_port(domain="comb")

        lower_used, upper_used = Signal(self.slots), Signal(self.slots)
        lower_slot, upper_slot = sides[lower_stage].slot, sides[upper_stage].slot
        m.submodules.walk = walk = SlotWalk(slots=self.slots)

        # A maximum is written where it is a greater one; what was there is left out of the sum.
        m.submodules.lower_add = lower_add = GatedAdd(width=_HALF + 1)
        used, greater = Signal(), Signal()
        m.d.comb += [
            used.eq(lower_used.bit_select(lower_slot, 1)),
            greater.eq((lower_read.data[:32] - term[:32])[-1]),
            lower_read.addr.eq(Mux(walk.valid, walk.slot, lower_slot)),
            lower_add.a.eq(lower_read.data),
            lower_add.en.eq(used & self.squares),
            lower_add.b.eq(term[:_HALF]),
            lower_write.addr.eq(lower_slot),
            lower_write.data.eq(lower_add.o),
            lower_write.en.eq(valid[lower_stage] & (self.squares | ~used | greater)),
        ]
        carry = Signal(reset_less=True)
        upper_term = Signal(len(term) - _HALF, reset_less=True)
        m.d.sync += [carry.eq(lower_add.o[-1]), upper_term.eq(term[_HALF:])]
        with m.If(valid[lower_stage]):
            m.d.sync += lower_used.eq(lower_used | 1 << lower_slot)

        m.submodules.upper_add = upper_add = GatedAdd(width=_HALF)
        m.d.comb += [
            upper_read.addr.eq(Mux(walk.valid, walk.slot, upper_slot)),
            upper_add.a.eq(upper_read.data),
            upper_add.en.eq(upper_used.bit_select(upper_slot, 1)),
            upper_add.b.eq(upper_term),
            upper_add.carry.eq(carry),
            upper_write.addr.eq(upper_slot),
            upper_write.data.eq(upper_add.o),
            upper_write.en.eq(valid[upper_stage]),
        ]
        with m.If(valid[upper_stage]):
            m.d.sync += upper_used.eq(upper_used | 1 << upper_slot)

        # All slots that had an element, the lowest first.
        ended = valid[upper_stage] & sides[upper_stage].last
        sent = walk.valid & self.o.ready & walk.last
        m.d.comb += [
            walk.begin.eq(ended & ~self.keep if self.slots > 1 else ended),
            walk.mask.eq(lower_used),
            walk.step.eq(self.o.ready),
            self.o.valid.eq(walk.valid),
            self.o.p.slot.eq(walk.slot),
            self.o.p.value.eq(Cat(lower_read.data, upper_read.data)),
            self.done.eq(sent | (ended & self.keep) if self.slots > 1 else sent),
        ]
        with m.If(sent if self.slots > 1 else self.done):
            m.d.sync += [lower_used.eq(0), upper_used.eq(0)]

        return m

    def _term(self, m):
        """Return the beat's sum of squares or maximum, 64 bits and what the sum may be longer."""
        # The magnitude goes to the square or past it: what does not want it holds zero.
        factors, magnitudes = [], []
        for n, (value, there) in enumerate(zip(self.i.p.values, Cat(1, self.i.p.more))):
            m.submodules[f"absolute_{n}"] = absolute = OrAdd(width=32)
            factor = Signal(32, name=f"factor_{n}", reset_less=True)
            magnitude = Signal(32, name=f"magnitude_{n}", reset_less=True)
            m.d.comb += [absolute.c.eq(value), absolute.subtract.eq(value[-1])]
            m.d.sync += [factor.eq(0), magnitude.eq(0)]
            with m.If(self.squares & there):
                m.d.sync += factor.eq(absolute.o)
            with m.If(~self.squares & there):
                m.d.sync += magnitude.eq(absolute.o)
            factors.append(factor)
            magnitudes.append(magnitude)

        # The largest magnitude, beside the squares. It comes to the last addition.
        def greater(a, b):
            larger = Signal(32, reset_less=True)
            m.d.sync += larger.eq(Mux((a - b)[-1], b, a))
            return larger

        while len(magnitudes) > 1:
            magnitudes = [greater(a, b) for a, b in zip(magnitudes[::2], magnitudes[1::2])]
        greatest = delay(m, magnitudes[0], 1, name="greatest")

        # The square from products of 16-bit halves: high^2 << 32, high * low << 17, low^2.
        terms = []
        for n, factor in enumerate(factors):
            high, low = factor[16:], factor[:16]
            products = []
            for name, a, b in ("low", low, low), ("high", high, high), ("middle", high, low):
                m.submodules[f"{name}_{n}"] = product = Product(16, 16, latency=1)
                m.d.comb += [product.a.eq(a), product.b.eq(b)]
                products.append(product.o)
            outer, middle = Cat(products[:2]), products[2]
            m.submodules[f"join_{n}"] = join = OrAdd(width=47)
            beside = greatest if self.lanes == 1 else C(0, 32)
            m.d.comb += [
                join.a.eq(outer[17:]),
                join.b.eq(beside[17:]),
                join.c.eq(middle),
            ]
            term = Signal(64, name=f"term_{n}", reset_less=True)
            m.d.sync += term.eq(Cat(outer[:17] | beside[:17], join.o))
            terms.append(term)
        while len(terms) > 1:
            pairs, terms = list(zip(terms[::2], terms[1::2])), []
            for n, (a, b) in enumerate(pairs):
                m.submodules[f"add_{len(pairs)}_{n}"] = add = OrAdd(width=len(a) + 1)
                total = Signal(len(a) + 1, name=f"total_{len(pairs)}_{n}", reset_less=True)
                m.d.comb += [add.a.eq(a), add.c.eq(b)]
                if len(pairs) == 1:
                    m.d.comb += add.b.eq(greatest)
                m.d.sync += total.eq(add.o)
                terms.append(total)
        return terms[0]
