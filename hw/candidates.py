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
    from block RAM, one a clock, and there is one comparator. Who goes on is in a register, the
    champion between the rows; so who loses is written from there, and who stays is there already.

        clock   0         1         2         3         ...  8          9
                row       compare   read 1    play 0         play 5     next row
                          read 0                                        store champion

    A row of another slot than the last one's is taken ``switch_time`` clocks later, because that
    slot's champion is read first.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.
    depth : :class:`int`
        Rows kept, a power of two, 4 or more.

    Members
    -------
    i : :py:`In(stream.Signature({slot, row, logit}))`
        Rows, in rising order for each slot, one in ``interval`` clocks; none for ``clear_time``
        clocks from ``clear`` on.
    clear : :py:`In(slots)`
        Strobes: forget the rows of these slots. Not while a row is under way.
    idle : :py:`Out(1)`
        No row is under way.
    count : :py:`Out(data.ArrayLayout(range(depth + 1), slots))`
        Rows kept.
    slot, index : :py:`In(...)`
        Row asked for, while idle.
    row, logit : :py:`Out(18)`, :py:`Out(signed(32))`
        The row, ``read_latency`` clocks later. Where less than ``depth`` are kept, places without
        one, which may be any, show row 2^18 - 1 and the least logit.

    Memory: slots * depth x 56 bits, two block RAMs for 64 of one slot.

    Raises
    ------
    ValueError
        If there are no slots, or the depth is no power of two or below 4.
    """

    #: Clocks from slot and index to the row: the block RAM and a register behind it.
    read_latency = 2
    #: Clocks that a row waits longer where the last one was another slot's.
    switch_time = 4

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
            "clear": In(slots),
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

        # Keys are ordered as unsigned numbers: the larger logit, the lower row. A place without a
        # row has a key of zero, which is that of the worst row there could be.
        entry = data.StructLayout({"unrow": 18, "biased": 32, "leaf": range(self.depth)})

        def key(view):
            return view.as_value()[:-self.levels]

        # Node 1 is the root, and nodes 2n and 2n + 1 lie below node n. The row of node 0 holds the
        # champion while no row is under way. No row is read in the clock in which it is written.
        m.submodules.losers = losers = Memory(
            shape=entry, depth=self.slots * self.depth, init=[], attrs={"no_rw_check": 1})
        put, get = losers.write_port(), losers.read_port(domain="comb")
        fetched, loser, player = (Signal(entry, name=name, reset_less=True) for name in (
            "fetched", "loser", "player"))

        slot = Signal(range(self.slots))
        # The row challenges the champion; then, if it was better, the players compete at the nodes.
        # Decided a clock ahead, because the comparison takes most of one.
        challenge, better, compete, store = (Signal(name=name) for name in (
            "challenge", "better", "compete", "store"))
        loses = Signal()
        # The node that is read, and those of the two clocks before.
        node, node_1, node_2 = (Signal(range(self.depth), name=name) for name in (
            "node", "node_1", "node_2"))
        above = Signal.like(node)
        play = Signal(range(self.interval))
        half = Signal(self.levels)
        m.d.comb += [
            # In this order it is one chain of carries, without a test for equality.
            loses.eq(key(loser) < key(player)),
            put.addr.eq(Cat(node_2, slot)),
            put.data.eq(player),
            put.en.eq(store | (compete & loses)),
            get.addr.eq(Cat(node, slot)),
            self.row.eq(~loser.unrow),
            self.logit.eq(Cat(loser.biased[:31], ~loser.biased[31])),
        ]
        m.d.sync += [fetched.eq(get.data), loser.eq(fetched),
                     node_1.eq(node), node_2.eq(node_1), above.eq(node >> 1)]
        with m.If(Mux(loses, compete, challenge)):
            m.d.sync += Cat(player.unrow, player.biased).eq(key(loser))
        with m.If(loses & compete):
            m.d.sync += player.leaf.eq(loser.leaf)

        # Slots that are still to be cleared. The others keep their rows.
        todo = Signal(self.slots, init=-1)
        clear = Signal()
        m.d.comb += clear.eq(self.clear.any())

        with m.FSM():
            with m.State("Begin-Clear"):
                m.d.sync += [player.eq(0), slot.eq(0), node_2.eq(0), half.eq(self.depth // 2),
                             store.eq(todo[0]), todo.eq(todo >> 1)]
                with m.If(~clear):
                    m.next = "Clear"

            with m.State("Clear"):
                # Who has lost at a node without having played: the first leaf on its right. That
                # is leaf 32 for node 1; 16 and 48 for 2 and 3; 8, 24, 40, 56 for 4 to 7, ...
                # The champion, who has leaf 0, is in the player's place at last: every slot's.
                following = player.leaf + (half << 1)
                m.d.sync += node_2.eq(node_2 + 1)
                with m.If(node_2 == 0):
                    m.d.sync += player.leaf.eq(half)
                with m.Elif(node_2 == self.depth - 1):
                    m.d.sync += [player.leaf.eq(0), half.eq(self.depth // 2), slot.eq(slot + 1),
                                 store.eq(todo[0]), todo.eq(todo >> 1)]
                    with m.If(slot == self.slots - 1):
                        m.d.sync += [slot.eq(0), store.eq(0)]
                        m.next = "Take-Row"
                with m.Elif(following[self.levels]):
                    m.d.sync += [player.leaf.eq(half >> 1), half.eq(half >> 1)]
                with m.Else():
                    m.d.sync += player.leaf.eq(following)
                with m.If(clear):
                    m.next = "Begin-Clear"

            with m.State("Take-Row"):
                switch = self.i.p.slot != slot
                m.d.comb += [
                    self.i.ready.eq(~switch & ~clear), self.idle.eq(~store),
                    get.addr.eq(Cat(self.index, self.slot)),
                ]
                m.d.sync += store.eq(0)
                with m.If(clear):
                    m.next = "Begin-Clear"
                with m.Elif(self.i.valid & switch):
                    m.d.sync += slot.eq(self.i.p.slot)
                    m.next = "Read-Champion"
                with m.Elif(self.i.valid):
                    m.d.sync += [
                        loser.unrow.eq(~self.i.p.row),
                        loser.biased.eq(Cat(self.i.p.logit[:31], ~self.i.p.logit[31])),
                        challenge.eq(1),
                    ]
                    m.next = "Compare"

            with m.State("Read-Champion"):
                m.next = "Await-Champion"

            with m.State("Await-Champion"):
                m.next = "Take-Champion"

            with m.State("Take-Champion"):
                m.d.sync += player.eq(loser)
                m.next = "Take-Row"

            with m.State("Compare"):
                m.d.comb += node.eq(Cat(player.leaf, 1) >> 1)
                m.d.sync += [challenge.eq(0), better.eq(~loses), play.eq(0)]
                for n in range(self.slots):
                    with m.If((slot == n) & ~self.count[n][-1]):
                        m.d.sync += self.count[n].eq(self.count[n] + 1)
                m.next = "Play"

            with m.State("Play"):
                # The first node's loser comes one clock later. Behind the root comes node 0.
                m.d.comb += node.eq(above)
                m.d.sync += [play.eq(play + 1), compete.eq(better)]
                with m.If(play == self.levels):
                    m.d.sync += [compete.eq(0), store.eq(better)]
                    m.next = "Take-Row"

        with m.If(clear):
            m.d.sync += todo.eq(self.clear)
        for n in range(self.slots):
            with m.If(self.clear[n]):
                m.d.sync += self.count[n].eq(0)

        return m
