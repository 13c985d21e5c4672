"""Memory of the vector engine: vectors, constants or recurrent state."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["SlotMemory"]


class SlotMemory(wiring.Component):
    """Block RAM with ``words`` elements for each slot, one write port and one or more read ports.

    A row is ``lanes`` elements: element ``addr * lanes + lane`` of a slot is that lane of row
    ``addr``, and each lane is a memory of its own. Each read port has its own copy of the rows:
    ``reads * slots * words`` elements of block RAM. What a port shows of a row that was written in
    the clock in which it was read is undefined.

    Parameters
    ----------
    shape : shape-like
        Shape of an element.
    words : :class:`int`
        Elements of a slot, a power of two.
    slots : :class:`int`
        Number of slots.
    reads : :class:`int`
        Number of read ports.
    lanes : :class:`int`
        Elements of a row, a power of two.

    Members
    -------
    read : array of :py:`In({slot, addr, en, data})`
        Read ports: ``data``, a row, follows ``latency`` clocks after an address with ``en``, and
        stays until the next one's. Block RAM is slow to put it out: it wants to go into a register.
    write : :py:`In({slot, addr, data, en})`
        Write port: ``en`` has a bit for each lane.

    Raises
    ------
    ValueError
        If the number of elements is not a power of two, or not whole rows.
    """

    #: Clocks from address to data.
    latency = 1

    def __init__(self, *, shape, words, slots=1, reads=1, lanes=1):
        if words < 1 or words & (words - 1):
            raise ValueError(f"Word count must be a power of two, not {words!r}")
        if lanes < 1 or words % lanes:
            raise ValueError(f"Lane count must divide {words} words, not be {lanes!r}")
        self.shape = shape
        self.words = words
        self.slots = slots
        self.reads = reads
        self.lanes = lanes

        row = data.ArrayLayout(shape, lanes)
        super().__init__({
            "read": In(wiring.Signature({
                "slot": Out(range(slots)),
                "addr": Out(range(words // lanes)),
                "en": Out(1),
                "data": In(row),
            })).array(reads),
            "write": In(wiring.Signature({
                "slot": Out(range(slots)),
                "addr": Out(range(words // lanes)),
                "data": Out(row),
                "en": Out(lanes),
            })),
        })

    def elaborate(self, platform):
        m = Module()

        write_addr = Cat(self.write.addr, self.write.slot)
        for n, port in enumerate(self.read):
            for lane in range(self.lanes):
                rows = Memory(shape=self.shape, depth=self.slots * self.words // self.lanes,
                              init=[], attrs={"ram_style": "block", "no_rw_check": 1})
                m.submodules[f"rows_{n}_{lane}"] = rows
                write, read = rows.write_port(), rows.read_port(domain="comb")
                m.d.comb += [
                    write.addr.eq(write_addr),
                    write.data.eq(self.write.data[lane]),
                    write.en.eq(self.write.en[lane]),
                    read.addr.eq(Cat(port.addr, port.slot)),
                ]

                # Yosys makes this register the block RAM's own. Told that no read meets a write of
                # its row, it needs no logic to define what such a read returns.
                element = Signal(self.shape, name=f"element_{n}_{lane}", reset_less=True)
                with m.If(port.en):
                    m.d.sync += element.eq(read.data)
                m.d.comb += port.data[lane].eq(element)

        return m
