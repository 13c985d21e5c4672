"""The drain: sends a tile's sums on, one beat a clock."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from .credit_queue import CreditQueue
from .slot_walk import SlotWalk
from .vector_command import sum_layout

__all__ = ["Drain", "tile_layout"]


def tile_layout(config):
    """Return the payload of a finished row tile.

    ``sums[slot][lane]`` of ``rows`` rows, the first of which is ``row`` of the matrix; ``last`` is
    the last tile of the instruction.
    """
    return data.StructLayout({
        "sums": data.ArrayLayout(data.ArrayLayout(signed(config.acc_width), config.lanes),
                                 config.slots),
        "row": unsigned(18),
        "rows": range(config.lanes + 1),
        "last": 1,
    })


class Drain(wiring.Component):
    """Serialises tiles: by active slot, then by row, as :mod:`trine.sim.golden.drain` orders them.

    A tile is looked at for one clock, then read where it stands, one beat of ``vector_lanes`` sums
    a clock while there is room in the queue that gives them out, and taken when its last beat is
    read. Inactive slots take no time. Where no slot is active, tiles are dropped.

    The multiplexer copies the tile into registers of which all but one beat are reset, and takes
    them together. It takes 7 LUT4 for each bit of 20 lanes and sums one by one; a plain one is
    mapped to 40 by Yosys. Nothing holds it up: the :class:`CreditQueue` behind it has a place for
    each beat read.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    active : :py:`In(slots)`
        Slots whose sums are wanted. Does not change while ``busy``.
    tile : :py:`In(stream.Signature(tile_layout(config)))`
        Finished tiles.
    sums : :py:`Out(stream.Signature(sum_layout(config)))`
        Their sums.
    busy : :py:`Out(1)`
        There are sums that have not been taken.

    Attributes
    ----------
    latency : :class:`int`
        Clocks from a tile offered to its first beat offered.
    """

    latency = 4

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "active": In(config.slots),
            "tile": In(stream.Signature(tile_layout(config))),
            "sums": Out(stream.Signature(sum_layout(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        tile = self.tile.p
        m.submodules.queue = queue = CreditQueue(sum_layout(self.config))
        connect(m, queue=queue.o, drain=flipped(self.sums))

        # The slot to read, anew for each tile.
        m.submodules.walk = walk = SlotWalk(slots=self.config.slots)

        # The beat to read. `last_beat` is made one clock ahead, of which a new tile has one to
        # spare: its gates would else be copied to every bit of the mask.
        lanes = self.config.vector_lanes
        lane_bits = exact_log2(lanes)
        present, reading, last_beat = Signal(), Signal(), Signal()
        beat = Signal(range(self.config.lanes // lanes))
        beat_mask = Signal(self.config.lanes // lanes)
        rows = tile.rows + (lanes - 1)
        beats = rows[lane_bits:]
        m.d.comb += [
            reading.eq(present & walk.valid & queue.room),
            queue.begin.eq(reading),
            self.tile.ready.eq(present & (~walk.valid | (reading & last_beat & walk.last))),
            walk.mask.eq(self.active),
            walk.begin.eq(~present),
            walk.step.eq(reading & last_beat),
        ]
        m.d.sync += present.eq(self.tile.valid & ~self.tile.ready)
        with m.If(~present | (reading & last_beat)):
            m.d.sync += [beat.eq(0), beat_mask.eq(1), last_beat.eq(beats == 1)]
        with m.Elif(reading):
            m.d.sync += [beat.eq(beat + 1), beat_mask.eq(beat_mask << 1),
                         last_beat.eq(beats == beat + 2)]

        # One register for each sum, reset where another beat is read. Slot by slot, for Yosys dies
        # of an OR of hundreds one behind the other.
        picked = [[[] for _ in range(self.config.slots)] for _ in range(lanes)]
        for n in range(self.config.slots):
            for k in range(self.config.lanes):
                one = Signal(self.config.acc_width, name=f"picked_{n}_{k}", reset_less=True)
                picked[k % lanes][n].append(one)
                m.d.sync += one.eq(tile.sums[n][k])
                with m.If(~(walk.bit[n] & beat_mask[k // lanes])):
                    m.d.sync += one.eq(0)

        read, described = Signal(), Signal(sum_layout(self.config), reset_less=True)
        arriving = Signal.like(described, reset_less=True)
        ends = Cat(rows[:lane_bits] >= n for n in range(1, lanes))
        m.d.sync += [
            read.eq(reading),
            described.slot.eq(walk.slot),
            described.row.eq(tile.row + (beat << lane_bits)),
            described.more.eq(Mux(last_beat, ends, -1)),
            described.last.eq(tile.last & last_beat & walk.last),
            queue.i.valid.eq(read),
            arriving.eq(described),
            *(arriving.sums[n].eq(reduce(or_, (reduce(or_, ones) for ones in of_slots)))
              for n, of_slots in enumerate(picked)),
        ]
        m.d.comb += [
            queue.i.payload.eq(arriving),
            self.busy.eq(self.tile.valid | ~queue.empty),
        ]
        return m
