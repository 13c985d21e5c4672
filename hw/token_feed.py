"""Token feed: each slot's input token, position and last sampled token."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import TOKEN_BITS

from .link.bus import RegisterBus
from .register_file import RegisterFile
from .token_ring import RingEntry

__all__ = ["FeedAction", "TokenFeed"]


class FeedAction(enum.Enum, shape=unsigned(2)):
    """What is done for each slot of the command's mask."""

    #: Position 0, and no sampled token.
    RESET = 0
    #: The input token is the oldest of the queue, or the sampled one where the queue is empty.
    BEGIN = 1
    #: The sampled token goes to the ring, and the position advances.
    FINISH = 2


class TokenFeed(wiring.Component):
    """Goes through the slots at the start and at the end of each play, four clocks a slot.

    Parameters
    ----------
    config : :class:`Config`
        Number of slots.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``positions``.
    command : :py:`In(stream.Signature(FeedAction))`
        ``ready`` when it is done.
    mask : :py:`In(config.slots)`
        Slots that the command is for, constant meanwhile.
    feedback : :py:`In(config.slots)`
        Slots whose sampled token may be their input token.
    chained : :py:`In(1)`
        The slots of the mask are consecutive positions of one text: BEGIN sets their positions,
        and FINISH keeps no sampled token.
    source : :py:`In(range(config.slots))`
        Slot whose position the first of them takes then. Constant like the mask.
    available : :py:`Out(config.slots)`
        Slots that have an input token, so BEGIN may be commanded for them; a clock late.
    slot : :py:`Out(range(config.slots))`
        Slot at hand, for queue, sampler and ring.
    filled, queued, pop
        The slot's queue, see :class:`TokenQueue`.
    sampled : :py:`In(RingEntry)`
        What the sampler has for the slot, at most three clocks after ``slot``.
    entry, en
        Towards the :class:`TokenRing`.
    mover_slot : :py:`In(range(config.slots))`
        Slot that the memory mover asks for.
    mover_token, mover_position : :py:`Out(...)`
        Its input token and position, combinational.
    positions : :py:`Out(ArrayLayout(32, config.slots))`
        All positions.
    fresh : :py:`Out(config.slots)`
        Slots whose position is zero.
    """

    #: Clocks from ``slot`` until queue and sampler are read.
    delay = 3

    def __init__(self, *, config):
        self.config = config
        slot = range(config.slots)
        super().__init__({
            "bus": In(RegisterBus),
            "command": In(stream.Signature(FeedAction)),
            "mask": In(config.slots),
            "feedback": In(config.slots),
            "chained": In(1),
            "source": In(slot),
            "available": Out(config.slots),
            "slot": Out(slot),
            "filled": In(config.slots),
            "queued": In(TOKEN_BITS),
            "pop": Out(1),
            "sampled": In(RingEntry),
            "entry": Out(RingEntry),
            "en": Out(1),
            "mover_slot": In(slot),
            "mover_token": Out(TOKEN_BITS),
            "mover_position": Out(32),
            "positions": Out(data.ArrayLayout(32, config.slots)),
            "fresh": Out(config.slots),
        })

    def elaborate(self, platform):
        m = Module()

        slots = self.config.slots
        # A reset of the machine leaves them as they are: a stream may go on.
        kept = Signal.like(self.positions, reset_less=True)
        m.d.comb += self.positions.eq(kept)
        positions = Array(kept)
        inputs = Array(Signal(TOKEN_BITS, name=f"input_{n}") for n in range(slots))
        samples = Array(Signal(TOKEN_BITS, name=f"sample_{n}") for n in range(slots))
        has_sample = Signal(slots)
        selected = Signal(slots)
        m.d.comb += [
            selected.eq(1 << self.slot),
            self.mover_token.eq(inputs[self.mover_slot]),
            self.mover_position.eq(positions[self.mover_slot]),
            self.entry.eq(self.sampled),
        ]
        m.d.sync += self.available.eq(self.filled | (has_sample & self.feedback))
        for n in range(slots):
            m.d.sync += self.fresh[n].eq(self.positions[n] == 0)

        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)
        with m.If(file.addr < slots):
            m.d.comb += file.word.eq(positions[file.addr])
            with m.If(file.write):
                m.d.sync += positions[file.addr].eq(file.data)

        elapsed = Signal(range(self.delay))
        # Position of the next slot of a chain.
        following = Signal(32)
        with m.FSM():
            with m.State("Take-Command"):
                m.d.sync += self.slot.eq(0)
                if slots > 1:
                    m.d.sync += following.eq(positions[self.source])
                with m.If(self.command.valid):
                    m.next = "Look"

            with m.State("Look"):
                m.d.sync += elapsed.eq(elapsed + 1)
                with m.If(elapsed == self.delay - 1):
                    m.d.sync += elapsed.eq(0)
                    m.next = "Act"

            with m.State("Act"):
                with m.If((self.mask & selected).any()):
                    with m.Switch(self.command.payload):
                        with m.Case(FeedAction.RESET):
                            m.d.sync += positions[self.slot].eq(0)
                            m.d.sync += has_sample.eq(has_sample & ~selected)
                        with m.Case(FeedAction.BEGIN):
                            m.d.comb += self.pop.eq((self.filled & selected).any())
                            m.d.sync += inputs[self.slot].eq(
                                Mux(self.pop, self.queued, samples[self.slot]))
                            if slots > 1:
                                with m.If(self.chained):
                                    m.d.sync += [positions[self.slot].eq(following),
                                                 following.eq(following + 1)]
                        with m.Case(FeedAction.FINISH):
                            m.d.comb += self.en.eq(1)
                            m.d.sync += samples[self.slot].eq(self.sampled.token)
                            m.d.sync += positions[self.slot].eq(positions[self.slot] + 1)
                            m.d.sync += has_sample.eq(
                                Mux(self.chained, has_sample & ~selected, has_sample | selected))
                m.d.sync += self.slot.eq(self.slot + 1)
                m.next = "Look"
                with m.If(self.slot == slots - 1):
                    m.next = "Done"

            with m.State("Done"):
                m.d.comb += self.command.ready.eq(1)
                m.next = "Take-Command"

        return m
