"""Accumulators of many slots, folded: four lanes and four columns share an adder tree."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .code_memory import CodeRead
from .gearbox import Gearbox
from .trit_add import TritAdd
from .trit_decoder import Trit, TritDecoder

__all__ = ["FoldedLanes"]


class FoldedLanes(wiring.Component):
    """``lanes`` sums for every slot, from four columns at a time.

    Columns arrive one a clock, as for accumulators that stand one for each lane, and are turned: of
    four columns of ``lanes`` trits the first ``lanes / 4`` rows go first, all four columns at once.
    Four codes are added up by two adders and a third one, and the row's sum takes the result: so
    four lanes have three small adders and one wide one in place of four wide ones. The four sums
    that share a wide adder pass by it in turn.

    What a code counts is told as seldom as possible. A pair of codes is added up to the sign of its
    second trit, a four to that of its second pair, and only the sum's own adder adds or subtracts.

    Parameters
    ----------
    config : :class:`Config`
        Sizes; ``lanes`` a multiple of 20.

    Members
    -------
    step, blank, change : :py:`In(1)`
        What the array does in this clock: a step, which may be without trits, or a change of tiles.
        From one change to the next there are a multiple of ``fold`` steps.
    packed : :py:`In(8 * step_bytes)`
        The step's trits, ``Gearbox.delay`` clocks later.
    codes : :py:`In(data.ArrayLayout(signed(8), slots))`
        The step's codes, ``CodeRead.latency`` clocks later.
    sums : :py:`Out(slots * lanes * acc_width)`
        What was summed up before the last change, from ``latency`` clocks after it until the next
        one's: all sums of the first slot lowest, the first lane's lowest.

    Raises
    ------
    ValueError
        If ``lanes`` is no multiple of 20.
    """

    fold = 4
    #: Clocks from a change to its sums: columns and fours gathered, three adders, four rows.
    latency = CodeRead.latency + 2 + 3 + fold

    def __init__(self, *, config):
        if config.lanes % (5 * self.fold):
            raise ValueError(f"Folded lanes must be a multiple of {5 * self.fold}, "
                             f"not {config.lanes}")
        self.config = config
        self.rows = config.lanes // self.fold
        super().__init__({
            "step": In(1),
            "blank": In(1),
            "change": In(1),
            "packed": In(8 * config.step_bytes),
            "codes": In(data.ArrayLayout(signed(8), config.slots)),
            "sums": Out(config.slots * config.lanes * config.acc_width),
        })

    def elaborate(self, platform):
        m = Module()

        step, blank = (self._delayed(m, name, CodeRead.latency) for name in ("step", "blank"))
        change = self._delayed(m, "change", self.latency - 1)
        trits, codes, four_here = self._gather(m, step, blank, change)

        # A four stands for as many clocks as it has rows of lanes; its trits pass by.
        rows = [self._register(column.shape(), f"rows_{n}") for n, column in enumerate(trits)]
        held = [self._register(code.shape(), f"held_{n}") for n, code in enumerate(codes)]
        with m.If(four_here):
            m.d.sync += [after.eq(before) for after, before in zip(rows + held, trits + codes)]
        with m.Else():
            m.d.sync += [column.eq(column.as_value() >> len(column.as_value()) // self.fold)
                         for column in rows]

        # The first row's sum is there this many clocks later.
        adding = [Signal(name=f"adding_{n}") for n in range(3 + self.fold)]
        m.d.sync += adding[0].eq(four_here)
        for before, after in pairwise(adding):
            m.d.sync += after.eq(before)

        signs = [self._signs(m, row, [column[row] for column in rows]) for row in range(self.rows)]
        for slot in range(self.config.slots):
            later = self._register(held[slot].shape(), f"later_{slot}")
            m.d.sync += later.eq(held[slot])
            for row in range(self.rows):
                gates = [column[row].nonzero for column in rows]
                self._lane(m, f"{slot}_{row}", held[slot], later, gates, signs[row],
                           en=Cat(adding[3:]).any(), change=change[-1],
                           sums=[self.sums.word_select(slot * self.config.lanes + lane,
                                                       self.config.acc_width)
                                 for lane in range(row, self.config.lanes, self.rows)])

        return m

    def _register(self, layout, name):
        # Yosys' mapper mistakes an array's element for its bit of that number where both have a
        # name: so the signal itself has no layout.
        return data.View(layout, Signal(layout.size, name=name, reset_less=True))

    def _delayed(self, m, name, clocks):
        """Return a strobe in the clock in which it is given, and in each of ``clocks`` more."""
        strobes = [getattr(self, name),
                   *(Signal(name=f"{name}_{n}") for n in range(1, clocks + 1))]
        for before, after in pairwise(strobes):
            m.d.sync += after.eq(before)
        return strobes

    def _gather(self, m, step, blank, change):
        """Return the last four columns' trits and codes, and whether they are a new four."""
        decoded = []
        for n in range(self.config.step_bytes):
            m.submodules[f"decoder_{n}"] = decoder = TritDecoder()
            m.d.comb += [
                decoder.packed.eq(self.packed.word_select(n, 8)),
                decoder.en.eq(step[Gearbox.delay]),
            ]
            decoded.append(decoder.trits)

        here = CodeRead.latency
        assert here == Gearbox.delay + TritDecoder.latency
        trits = [self._register(data.ArrayLayout(Trit, self.config.lanes), f"trits_{n}")
                 for n in range(self.fold)]
        codes = [self._register(data.ArrayLayout(signed(8), self.fold), f"codes_{n}")
                 for n in range(self.config.slots)]
        count = Signal(range(self.fold))
        four_here = Signal()
        m.d.sync += four_here.eq(step[here] & (count == self.fold - 1))
        with m.If(step[here]):
            m.d.sync += count.eq(count + 1)
            m.d.sync += [after.eq(before) for after, before in pairwise(trits)]
            m.d.sync += trits[-1].eq(Cat(decoded))
            with m.If(blank[here]):
                m.d.sync += trits[-1].eq(0)
            m.d.sync += [last.eq(Cat(last.as_value(), code)[8:])
                         for last, code in zip(codes, self.codes)]
        with m.If(change[here]):
            m.d.sync += count.eq(0)
        return trits, codes, four_here

    def _signs(self, m, row, trits):
        """Return what a row's adders are told, each as it is needed: see :meth:`_lane`."""
        def register(name, value):
            signal = Signal(name=f"{name}_{row}", reset_less=True)
            m.d.sync += signal.eq(value)
            return signal

        pairs = [register(f"pair_{n}", trits[2 * n + 1].negative) for n in range(2)]
        return {
            "pairs": [Cat(register(f"on_{n}", trits[2 * n].nonzero),
                          register(f"less_{n}", trits[2 * n].nonzero & (
                              trits[2 * n].negative ^ trits[2 * n + 1].negative)))
                      for n in range(2)],
            "four": Cat(1, register("four_less", pairs[0] ^ pairs[1])),
            "sum": Cat(1, register("less_sum", register("four", pairs[1]))),
        }

    def _lane(self, m, name, held, later, gates, signs, *, en, change, sums):
        """Add four codes to one of the sums that share these adders, in turn."""
        def register(suffix, width):
            return Signal(signed(width), name=f"{suffix}_{name}", reset_less=True)

        pairs = []
        for n in range(2):
            # A flip-flop's own reset leaves a code out.
            gated = register(f"gated_{n}", 8)
            m.d.sync += gated.eq(held[2 * n + 1])
            with m.If(~gates[2 * n + 1]):
                m.d.sync += gated.eq(0)
            pairs.append(register(f"pair_{n}", 9))
            m.d.sync += pairs[-1].eq(self._add(m, f"pair_{n}_{name}", gated, later[2 * n],
                                               signs["pairs"][n], 9))
        four = register("four", 10)
        m.d.sync += four.eq(self._add(m, f"four_{name}", pairs[1], pairs[0], signs["four"], 10))

        turning = [register(f"sum_{n}", self.config.acc_width) for n in range(self.fold)]
        total = self._add(m, f"sum_{name}", turning[0], four, signs["sum"], self.config.acc_width)
        shown = [register(f"shown_{n}", self.config.acc_width) for n in range(self.fold)]
        for before, after in zip([*turning[1:], total], turning):
            with m.If(change):
                m.d.sync += after.eq(0)
            with m.Elif(en):
                m.d.sync += after.eq(before)
        for n in range(self.fold):
            with m.If(change):
                m.d.sync += shown[n].eq(turning[n])
            m.d.comb += sums[n].eq(shown[n])

    def _add(self, m, name, a, b, trit, width):
        """Return the sum of ``a`` and ``b * trit``."""
        m.submodules[f"add_{name}"] = adder = TritAdd(width=width, a_width=len(a), b_width=len(b))
        m.d.comb += [
            adder.a.eq(a),
            adder.b.eq(b),
            adder.trit.eq(trit),
        ]
        return adder.o
