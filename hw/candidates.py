"""Candidates: the rows with the largest logits."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.registers import CANDIDATES

__all__ = ["Candidates"]


class Candidates(wiring.Component):
    """Keeps for each slot the ``depth`` best rows, in a fixed time per row.

    The best have the largest logits; of equal logits the lower rows. Holds the same set as
    :func:`trine.sim.golden.candidates.candidates` gives, in no order.

    The method is a tournament tree of losers (Knuth, The Art of Computer Programming, volume 3,
    section 5.4.1, replacement selection). The least of the kept rows is the champion; every other
    one waits at the node where it lost against one that is less. A row that is better than the
    champion takes the champion's leaf, and plays on the leaf's way to the root: at each node the
    lesser goes on and the other stays. The way is known from the leaf, so the nodes are read ahead
    from block RAM, one a clock, and there is one comparator.

        clock   0         1         2         3         ...  8          9
                champion  compare   read 1    play 0         play 5     next row
                          read 0                                        store champion

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.
    depth : :class:`int`
        Rows kept, a power of two, 4 or more.

    Members
    -------
    i : :py:`In(stream.Signature({slot, row, logit}))`
        Rows, one in ``interval`` clocks; none for ``clear_time`` clocks from ``clear`` on.
    clear : :py:`In(1)`
        Strobe: forget all rows. Not while a row is under way.
    idle : :py:`Out(1)`
        No row is under way.
    count : :py:`Out(data.ArrayLayout(range(depth + 1), slots))`
        Rows kept.
    slot, index : :py:`In(...)`
        Row asked for, while idle.
    row, logit : :py:`Out(18)`, :py:`Out(signed(32))`
        The row, ``read_latency`` clocks later. Where less than ``depth`` are kept, places without
        one, which may be any, show row 2^18 - 1 and the least logit.

    Memory: slots * depth x 57 bits, two block RAMs for 64 of one slot.

    Raises
    ------
    ValueError
        If there are no slots, or the depth is no power of two or below 4.
    """

    #: Clocks from slot and index to the row: the block RAM and a register behind it.
    read_latency = 2

    def __init__(self, *, slots, depth=CANDIDATES):
        if slots < 1:
            raise ValueError(f"Slot count must be positive, not {slots!r}")
        if depth < 4 or depth & (depth - 1):
            raise ValueError(f"Depth must be a power of two, 4 or more, not {depth!r}")
        self.slots = slots
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"slot": range(slots), "row": 18, "logit": signed(32)}))),
            "clear": In(1),
            "idle": Out(1),
            "count": Out(data.ArrayLayout(range(depth + 1), slots)),
            "slot": In(range(slots)),
            "index": In(range(depth)),
            "row": Out(18),
            "logit": Out(signed(32)),
        })

    @property
    def levels(self):
        """Nodes between a leaf and the root, the root included."""
        return (self.depth - 1).bit_length()

    @property
    def interval(self):
        """Clocks from row to row."""
        return self.levels + 3

    @property
    def clear_time(self):
        """Clocks from a clear to the first row."""
        return self.depth * self.slots + 2

    def elaborate(self, platform):
        m = Module()

        # Keys are ordered as unsigned numbers: any row before none, the larger logit, the lower
        # row. A place without a row has a key of zero.
        entry = data.StructLayout({"unrow": 18, "biased": 32, "valid": 1,
                                   "leaf": range(self.depth)})

        def key(view):
            return view.as_value()[:-self.levels]

        # Node 1 is the root, and nodes 2n and 2n + 1 lie below node n. The row of node 0 shows
        # the champion to the host.
        m.submodules.losers = losers = Memory(
            shape=entry, depth=self.slots * self.depth, init=[])
        put, get = losers.write_port(), losers.read_port()
        # A memory of one row would have an address of no bits.
        m.submodules.champions = champions = Memory(
            shape=entry, depth=max(2, self.slots), init=[])
        crown, champion = champions.write_port(), champions.read_port(domain="comb")

        slot = Signal(range(self.slots))
        player, loser, lesser, greater = (Signal(entry, name=name) for name in (
            "player", "loser", "lesser", "greater"))
        loses, better, store = Signal(), Signal(), Signal()
        # The node that is read, and those of the two clocks before.
        node, node_1, node_2 = (Signal(range(self.depth), name=name) for name in (
            "node", "node_1", "node_2"))
        above = Signal.like(node)
        play = Signal(range(self.interval))
        half = Signal(self.levels)
        m.d.comb += [
            loses.eq(key(player) > key(loser)),
            lesser.eq(Mux(loses, loser, player)),
            greater.eq(Mux(loses, player, loser)),
            champion.addr.eq(self.i.p.slot),
            crown.addr.eq(slot),
            crown.data.eq(lesser),
            put.data.eq(player),
            get.addr.eq(Cat(node, slot)),
            self.row.eq(~loser.unrow),
            self.logit.eq(Cat(loser.biased[:31], ~loser.biased[31])),
        ]
        m.d.sync += [loser.eq(get.data), node_1.eq(node), node_2.eq(node_1), above.eq(node >> 1)]

        with m.FSM():
            with m.State("Begin-Clear"):
                m.d.sync += [player.eq(0), slot.eq(0), node_1.eq(0), half.eq(self.depth // 2)]
                m.next = "Clear"

            with m.State("Clear"):
                # Who has lost at a node without having played: the first leaf on its right. That
                # is leaf 32 for node 1; 16 and 48 for 2 and 3; 8, 24, 40, 56 for 4 to 7, ...
                following = player.leaf + (half << 1)
                m.d.comb += [put.en.eq(1), put.addr.eq(Cat(node_1, slot)),
                             crown.en.eq(node_1 == 0), crown.data.eq(player)]
                m.d.sync += node_1.eq(node_1 + 1)
                with m.If(node_1 == 0):
                    m.d.sync += player.leaf.eq(half)
                with m.Elif(node_1 == self.depth - 1):
                    m.d.sync += [player.leaf.eq(0), half.eq(self.depth // 2), slot.eq(slot + 1)]
                    with m.If(slot == self.slots - 1):
                        m.next = "Take-Row"
                with m.Elif(following[self.levels]):
                    m.d.sync += [player.leaf.eq(half >> 1), half.eq(half >> 1)]
                with m.Else():
                    m.d.sync += player.leaf.eq(following)
                with m.If(self.clear):
                    m.next = "Begin-Clear"

            with m.State("Take-Row"):
                m.d.comb += [
                    self.i.ready.eq(~self.clear), self.idle.eq(~store),
                    get.addr.eq(Cat(self.index, self.slot)),
                    put.en.eq(store), put.addr.eq(Cat(Const(0, self.levels), slot)),
                ]
                m.d.sync += store.eq(0)
                with m.If(self.clear):
                    m.next = "Begin-Clear"
                with m.Elif(self.i.valid):
                    count = self.count[self.i.p.slot]
                    m.d.sync += [
                        player.unrow.eq(~self.i.p.row),
                        player.biased.eq(Cat(self.i.p.logit[:31], ~self.i.p.logit[31])),
                        player.valid.eq(1),
                        slot.eq(self.i.p.slot),
                        loser.eq(champion.data),
                        count.eq(count + (count != self.depth)),
                    ]
                    m.next = "Compare"

            with m.State("Compare"):
                m.d.comb += node.eq(Cat(loser.leaf, 1) >> 1)
                m.d.sync += [better.eq(loses), player.leaf.eq(loser.leaf), play.eq(0)]
                m.next = "Play"

            with m.State("Play"):
                m.d.comb += [node.eq(above), put.addr.eq(Cat(node_2, slot)), put.data.eq(greater)]
                m.d.sync += play.eq(play + 1)
                # The first node's loser comes one clock later.
                with m.If((play != 0) & better):
                    m.d.comb += put.en.eq(1)
                    m.d.sync += player.eq(lesser)
                with m.If(play == self.levels):
                    m.d.comb += crown.en.eq(better)
                    m.d.sync += store.eq(better)
                    m.next = "Take-Row"

        with m.If(self.clear):
            m.d.sync += self.count.eq(0)

        return m
