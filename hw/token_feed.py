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
        The slot's queue, see :class:`TokenQueue`: its token two clocks after ``slot``.
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

    #: Clocks from ``slot`` until what is done for it.
    delay = 4

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
        m.d.comb += [
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

        # What the slot at hand has, and what it is to have: a choice in each clock of a look.
        action = Signal(FeedAction)
        resets, begins, finishes = Signal(), Signal(), Signal()
        # Position of the next slot of a chain.
        following = Signal(32)
        position, sample = Signal(32, reset_less=True), Signal(TOKEN_BITS, reset_less=True)
        next_position = Signal.like(position, reset_less=True)
        next_input = Signal.like(sample, reset_less=True)
        selected, queued = Signal(slots, init=1), Signal()
        m.d.comb += [
            resets.eq(action == FeedAction.RESET),
            begins.eq(action == FeedAction.BEGIN),
            finishes.eq(action == FeedAction.FINISH),
        ]
        m.d.sync += [
            position.eq(positions[self.slot]),
            sample.eq(samples[self.slot]),
            queued.eq((self.filled & selected).any()),
            next_position.eq(Mux(resets, 0, Mux(begins, following, position + 1))),
            next_input.eq(Mux(queued, self.queued, sample)),
        ]

        # Then it is done, all at once: strobes for each slot.
        act = Signal()
        moves, enters, keeps, drops = (Signal(slots, name=name) for name in (
            "moves", "enters", "keeps", "drops"))

        def strobes(wanted):
            return Mux(act & wanted, self.mask & selected, 0)

        m.d.sync += [
            moves.eq(strobes(~begins | (self.chained if slots > 1 else 0))),
            enters.eq(strobes(begins)),
            keeps.eq(strobes(finishes & ~self.chained)),
            drops.eq(strobes(resets | (finishes & self.chained))),
            self.pop.eq(strobes(begins & queued).any()),
            self.en.eq(strobes(finishes).any()),
            has_sample.eq((has_sample | keeps) & ~drops),
        ]
        if slots > 1:
            with m.If(enters.any()):
                m.d.sync += following.eq(following + 1)
        for n in range(slots):
            with m.If(enters[n]):
                m.d.sync += inputs[n].eq(next_input)
            with m.If(keeps[n]):
                m.d.sync += samples[n].eq(self.sampled.token)
            with m.If(moves[n]):
                m.d.sync += kept[n].eq(next_position)
            with m.If(file.write & (file.addr == n)):
                m.d.sync += kept[n].eq(file.data)

        elapsed = Signal(range(self.delay))
        with m.FSM():
            with m.State("Take-Command"):
                m.d.sync += [self.slot.eq(0), selected.eq(1), action.eq(self.command.payload)]
                if slots > 1:
                    m.d.sync += following.eq(positions[self.source])
                with m.If(self.command.valid):
                    m.next = "Look"

            with m.State("Look"):
                m.d.sync += elapsed.eq(elapsed + 1)
                with m.If(elapsed == self.delay - 1):
                    m.d.sync += elapsed.eq(0)
                    m.d.comb += act.eq(1)
                    m.next = "Act"

            with m.State("Act"):
                m.d.sync += [self.slot.eq(self.slot + 1), selected.eq(selected << 1)]
                m.next = "Look"
                with m.If(selected[-1]):
                    m.next = "Done"

            with m.State("Done"):
                m.d.comb += self.command.ready.eq(1)
                m.next = "Take-Command"

        return m
