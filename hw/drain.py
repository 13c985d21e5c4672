"""The drain: sends a tile's sums on, one a clock."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

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

    A tile is read where it stands, through one multiplexer for the lanes and one for the slots,
    and taken with its last sum. One sum a clock moves while ``sums`` is ready; inactive slots take
    no time. Where no slot is active, tiles are dropped.

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
        Clocks from a tile offered to its first sum offered.
    """

    latency = 2

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
        advance = Signal()
        m.d.comb += advance.eq(~self.sums.valid | self.sums.ready)

        # The sum to read: lane `lane` of the lowest of the slots that remain.
        lane = Signal(range(self.config.lanes))
        drained = Signal(self.config.slots)
        remaining = Signal(self.config.slots)
        others = Signal(self.config.slots)
        slot = Signal(range(self.config.slots))
        m.d.comb += [
            remaining.eq(self.active & ~drained),
            others.eq(remaining & (remaining - 1)),
        ]
        for n in reversed(range(self.config.slots)):
            with m.If(remaining[n]):
                m.d.comb += slot.eq(n)

        reading, last_lane = Signal(), Signal()
        m.d.comb += [
            reading.eq(self.tile.valid & remaining.any()),
            last_lane.eq(lane == tile.rows - 1),
            self.tile.ready.eq(~remaining.any() | (advance & last_lane & ~others.any())),
        ]
        with m.If(reading & advance):
            m.d.sync += lane.eq(lane + 1)
            with m.If(last_lane):
                m.d.sync += [lane.eq(0), drained.eq(Mux(others.any(), ~others, 0))]

        # One multiplexer a clock: lanes, then slots.
        picked_valid = Signal()
        picked = Signal(data.ArrayLayout(signed(self.config.acc_width), self.config.slots),
                        reset_less=True)
        described = Signal(sum_layout(self.config), reset_less=True)
        with m.If(advance):
            m.d.sync += picked_valid.eq(reading)
            with m.If(reading):
                m.d.sync += [picked[n].eq(Array(tile.sums[n])[lane])
                             for n in range(self.config.slots)]
                m.d.sync += [
                    described.slot.eq(slot),
                    described.row.eq(tile.row + lane),
                    described.last.eq(tile.last & last_lane & ~others.any()),
                ]

        with m.If(advance):
            m.d.sync += self.sums.valid.eq(picked_valid)
            with m.If(picked_valid):
                m.d.sync += [
                    self.sums.payload.eq(described),
                    self.sums.p.sum.eq(Array(picked)[described.slot]),
                ]

        m.d.comb += self.busy.eq(self.tile.valid | picked_valid | self.sums.valid)
        return m
