"""The code memory: int8 activations, read by the array one column at a time."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .vector_command import code_write_layout

__all__ = ["CodeMemory", "CodeRead"]


class CodeRead(wiring.Signature):
    """The read port of the code memory, seen from the array.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    addr : :py:`Out(range(code_words))`
        Column.
    data : :py:`In(data.ArrayLayout(signed(8), slots))`
        The column's code in each slot, two clocks later.
    """

    #: Clocks from ``addr`` to ``data``.
    latency = 2

    def __init__(self, config):
        super().__init__({
            "addr": Out(range(config.code_words)),
            "data": In(data.ArrayLayout(signed(8), config.slots)),
        })


class CodeMemory(wiring.Component):
    """``code_words`` codes for each slot: one block RAM a slot for 2,048 of them.

    A row is ``vector_lanes`` codes, which are written together and read one by one. Read and write
    share the address, so a read during a write means nothing. No instruction does both.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    write : :py:`In(stream.Signature(code_write_layout(config), always_ready=True))`
        Codes to store.
    read : :py:`In(CodeRead(config))`
        Port of the array.
    """

    def __init__(self, *, config):
        self.config = config

        super().__init__({
            "write": In(stream.Signature(code_write_layout(config), always_ready=True)),
            "read": In(CodeRead(config)),
        })

    def elaborate(self, platform):
        m = Module()

        # One port that either reads or writes: Yosys gives two ports that might collide 35 LUT4
        # and 44 registers each, to define what a collision reads.
        lanes = self.config.vector_lanes
        lane_bits = exact_log2(lanes)
        addr = Signal.like(self.write.p.row)
        m.d.comb += addr.eq(
            Mux(self.write.valid, self.write.p.row, self.read.addr[lane_bits:]))

        # The code's place in the row goes along with the row.
        lane, later_lane = Signal(lane_bits), Signal(lane_bits)
        m.d.sync += [lane.eq(self.read.addr), later_lane.eq(lane)]

        for slot in range(self.config.slots):
            row = data.ArrayLayout(signed(8), lanes)
            rows = memory.Memory(shape=row, depth=self.config.code_words // lanes, init=[],
                                 attrs={"ram_style": "block", "no_rw_check": 1})
            m.submodules[f"rows_{slot}"] = rows
            write, read = rows.write_port(granularity=1), rows.read_port(domain="comb")
            here = self.write.valid & (self.write.p.slot == slot)
            m.d.comb += [
                write.addr.eq(addr),
                write.data.eq(self.write.p.codes),
                write.en.eq(Cat(1, self.write.p.more) & here.replicate(lanes)),
                read.addr.eq(addr),
            ]
            # Both registers are the block RAM's own, for there is no enable. Without the second one
            # it is slow to put its data out, and many of them lie far from the array.
            shown = Signal(row, name=f"shown_{slot}", reset_less=True)
            codes = Signal(row, name=f"codes_{slot}", reset_less=True)
            m.d.sync += [shown.eq(read.data), codes.eq(shown)]
            m.d.comb += self.read.data[slot].eq(codes.as_value().word_select(later_lane, 8))

        return m
