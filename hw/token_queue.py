"""Token queues: what the host has queued as the slots' next inputs."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import TOKEN_BITS

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
        Oldest token of the slot's queue, two clocks after ``slot`` or a change of the queue.
    pop : :py:`In(1)`
        Drops the slot's oldest token; only where ``filled``.

    Memory: slots * token_queue rows of 18 bits, one block RAM for each 1024.
    """

    #: Clocks from ``slot`` to ``token``.
    latency = 2

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
        m.submodules.storage = storage = Memory(shape=TOKEN_BITS, depth=slots * depth, init=[])
        push = storage.write_port()
        head = storage.read_port()
        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)

        # Positions count modulo twice the depth, so that full and empty differ.
        reads = Array(Signal(range(2 * depth), name=f"read_{n}") for n in range(slots))
        writes = Array(Signal(range(2 * depth), name=f"write_{n}") for n in range(slots))
        for slot in range(slots):
            m.d.comb += self.filled[slot].eq(reads[slot] != writes[slot])

        at = Signal(range(slots))
        level = Signal(range(depth + 1))
        exists = Signal()
        m.d.comb += [
            at.eq(file.addr),
            exists.eq(file.addr < slots),
            level.eq((writes[at] - reads[at])[:len(reads[0])]),
            file.word.eq(Mux(exists, level, 0)),
            push.addr.eq(Cat(writes[at][:-1], at)),
            push.data.eq(file.data),
            push.en.eq(file.write & exists & (level != depth)),
        ]
        with m.If(push.en):
            m.d.sync += writes[at].eq(writes[at] + 1)

        m.d.comb += head.addr.eq(Cat(reads[self.slot][:-1], self.slot))
        m.d.sync += self.token.eq(head.data)
        with m.If(self.pop):
            m.d.sync += reads[self.slot].eq(reads[self.slot] + 1)

        for slot in range(slots):
            with m.If(self.clear[slot]):
                m.d.sync += reads[slot].eq(writes[slot])

        return m
