"""Token queues: what the host has queued as the slots' next inputs."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import TOKEN_BITS

from .dual_port_ram import DualPortRAM
from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["TokenQueue"]


class TokenQueue(wiring.Component):
    """One queue of ``config.token_queue`` tokens for each slot, in one memory.

    What is written to a full queue is dropped, so the host reads the level first.

    Parameters
    ----------
    config : :class:`Config`
        Sizes of slots and queues.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``queues``: a write queues a token, a read returns the level.
    clear : :py:`In(config.slots)`
        Strobes: empty the queues of these slots.
    filled : :py:`Out(config.slots)`
        Slots whose queue is not empty.
    slot : :py:`In(range(config.slots))`
        Whose queue is looked at.
    token : :py:`Out(TOKEN_BITS)`
        Oldest token of the slot's queue, three clocks after ``slot`` or a change of the queue.
    pop : :py:`In(1)`
        Drops the slot's oldest token, which has been there for a clock; only where ``filled``.

    Memory: slots * token_queue rows of 18 bits, one block RAM for each 1024.
    """

    #: Clocks from ``slot`` to ``token``.
    latency = 3

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "bus": In(RegisterBus),
            "clear": In(config.slots),
            "filled": Out(config.slots),
            "slot": In(range(config.slots)),
            "token": Out(TOKEN_BITS),
            "pop": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        slots, depth = self.config.slots, self.config.token_queue
        m.submodules.storage = storage = DualPortRAM(width=TOKEN_BITS, depth=slots * depth)
        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)

        # Positions count modulo twice the depth, so that full and empty differ.
        reads = Array(Signal(range(2 * depth), name=f"read_{n}") for n in range(slots))
        writes = Array(Signal(range(2 * depth), name=f"write_{n}") for n in range(slots))
        # A register: accesses are further apart than it is late.
        full = Signal(slots)
        for slot in range(slots):
            m.d.comb += self.filled[slot].eq(reads[slot] != writes[slot])
            m.d.sync += full[slot].eq(reads[slot] == writes[slot] ^ depth)

        at = Signal(range(slots))
        exists = Signal()
        m.d.comb += [
            at.eq(file.addr),
            exists.eq(file.addr < slots),
            file.word.eq(Mux(exists, (writes[at] - reads[at])[:len(reads[0])], 0)),
            storage.w_addr.eq(Cat(writes[at][:-1], at)),
            storage.w_data.eq(file.data),
            storage.w_en.eq(file.write & exists & ~full.bit_select(at, 1)),
        ]

        # The oldest token, and its place in registers.
        oldest, selected = Signal.like(reads[0]), Signal(slots)
        row = Signal.like(storage.r_data, reset_less=True)  # the block RAM's own output register
        m.d.sync += [oldest.eq(reads[self.slot]), selected.eq(1 << self.slot),
                     row.eq(storage.r_data)]
        m.d.comb += [storage.r_addr.eq(Cat(oldest[:-1], self.slot)), self.token.eq(row)]

        for slot in range(slots):
            with m.If(file.write & (file.addr == slot) & ~full[slot]):
                m.d.sync += writes[slot].eq(writes[slot] + 1)
            with m.If(self.pop & selected[slot] & self.filled[slot]):
                m.d.sync += reads[slot].eq(oldest + 1)
            with m.If(self.clear[slot]):
                m.d.sync += reads[slot].eq(writes[slot])

        return m
