"""Run control: plays a tape as often as the host asks for, token by token."""

from contextlib import contextmanager
from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import bits_for, exact_log2

from trine.firmware.registers import PAGES, Error, State, address

from .link.bus import RegisterBus
from .register_file import RegisterFile
from .sequencer import Fault
from .tape_reader import PlayCommand
from .token_feed import FeedAction

__all__ = ["RunControl"]


class RunControl(wiring.Component):
    """Carries out START, STOP and RESET (``docs/registers.md``).

    Each play: wait until slots have input tokens, take them, play the tape, hand the sampled
    tokens on. Which slots take part is settled in the clock before the wait and in each clock of
    it; slots are reset before. The reader is told of all plays at the start, so that it runs ahead
    from one to the next; at the end, or after an error, it is flushed.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``run``.
    active : :py:`Out(config.slots)`
        Slots that take part, constant during a play.
    chained : :py:`Out(1)`
        They are consecutive positions of one text. Constant during a run.
    source : :py:`Out(range(config.slots))`
        Slot that the lowest of them goes on from then. Constant during a play.
    feed : :py:`Out(stream.Signature(FeedAction))`
        The token feed.
    feed_mask, feedback, available
        See :class:`TokenFeed`. The mask is constant during a command.
    queue_clear : :py:`Out(config.slots)`
        Strobes: empty the token queues of these slots.
    reader : :py:`Out(stream.Signature(PlayCommand(...)))`
        The tape reader.
    flush, flushed
        See :class:`TapeReader`.
    play : :py:`Out(stream.Signature(...))`
        The sequencer: bursts of the tape, taken at its end.
    fault, position
        See :class:`Sequencer`.
    mover_busy : :py:`In(1)`
        The mover must not be reset.
    hold : :py:`Out(1)`
        Resets sequencer and token feed.
    reset : :py:`Out(1)`
        Resets every unit, for one clock, while nothing uses the memory.
    sampler_begin : :py:`Out(config.slots)`
        Strobes: the next logit of these slots is row 0 of a new token.
    state : :py:`Out(State)`
        What STATUS tells.
    running, waiting, between, token : :py:`Out(1)`
        For the counters: a run is under way; it waits for the host; it is between two plays;
        strobe: a play of a token tape has ended.
    """

    def __init__(self, *, config):
        self.config = config
        addr_width = config.addr_width
        super().__init__({
            "bus": In(RegisterBus),
            "active": Out(config.slots),
            "chained": Out(1),
            "source": Out(range(config.slots)),
            "feed": Out(stream.Signature(FeedAction)),
            "feed_mask": Out(config.slots),
            "feedback": Out(config.slots),
            "available": In(config.slots),
            "queue_clear": Out(config.slots),
            "reader": Out(stream.Signature(PlayCommand(addr_width))),
            "flush": Out(1),
            "flushed": In(1),
            "play": Out(stream.Signature(
                unsigned(bits_for(config.memory_size // config.burst_bytes)))),
            "fault": In(Fault),
            "position": In(bits_for(config.memory_size)),
            "mover_busy": In(1),
            "hold": Out(1),
            "reset": Out(1),
            "sampler_begin": Out(config.slots),
            "state": Out(State),
            "running": Out(1),
            "waiting": Out(1),
            "between": Out(1),
            "token": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        addr_width = config.addr_width
        burst_shift = exact_log2(config.burst_beats)

        # Settings; what does not fit is cut off.
        base = Signal(addr_width)
        beats = Signal(addr_width + 1)
        count = Signal(32)
        tokens, together = Signal(), Signal()
        settings = {"RUN_BASE": base, "RUN_BEATS": beats, "RUN_COUNT": count,
                    "RUN_FLAGS": Cat(tokens, self.chained, together)}
        # Those that may change during a run.
        wanted, resets, feedback = (Signal(config.slots, name=name)
                                    for name in ("wanted", "resets", "feedback"))
        source = Signal(range(config.slots))
        requests = {"RUN_RESET": resets, "RUN_SOURCE": source, "RUN_FEEDBACK": feedback,
                    "RUN_ACTIVE": wanted}

        # Results. The instruction at fault stays in the sequencer until the reset.
        state = Signal(State, init=State.RUNNING)
        error = Signal(Error, init=Error.NONE)
        plays = Signal(32)
        go, taking_part = Signal(), Signal(config.slots)
        m.d.comb += taking_part.eq(self.active & go.replicate(config.slots))
        faulty = Signal()
        m.d.sync += faulty.eq((error != Error.NONE) & (error != Error.BAD_RUN))
        results = {"STATUS": state, "ERROR": error, "PLAYS": plays, "PLAY_ACTIVE": taking_part,
                   "TAPE_POSITION": self.position, "ERROR_POSITION": self.fault.position,
                   "ERROR_WORD": self.fault.word}
        of_fault = "ERROR_POSITION", "ERROR_WORD"

        m.submodules.file = file = RegisterFile(delay=2)
        connect(m, flipped(self.bus), file.bus)
        idle, slots_reset = Signal(), Signal()
        remaining = Signal.like(resets)
        m.d.comb += remaining.eq(resets & ~(self.feed_mask & slots_reset.replicate(config.slots)))
        m.d.sync += resets.eq(remaining)
        start, stop, reset = Signal(), Signal(), Signal()
        shown = []
        for name, register in {**settings, **requests, **results}.items():
            at = address(name) - PAGES["run"].address
            # A register's own reset input does what gates would, but for the OR.
            chosen = Signal(name=f"chosen_{name.lower()}")
            copy = Signal(len(Value.cast(register)), name=f"shown_{name.lower()}")
            m.d.sync += [
                chosen.eq((file.addr == at) & (faulty if name in of_fault else 1)),
                copy.eq(Mux(chosen, register, 0)),
            ]
            shown.append(copy)
            written = file.write & (file.addr == at)
            if name == "RUN_RESET":
                # None is forgotten that was asked for during the run.
                with m.If(written):
                    m.d.sync += resets.eq(file.data | Mux(idle, 0, remaining))
            elif name in settings or name in requests:
                with m.If(written & (idle if name in settings else 1)):
                    m.d.sync += register.eq(file.data)
        m.d.comb += file.word.eq(reduce(or_, shown))
        for name, strobe, domain in (("START", start, m.d.sync), ("STOP", stop, m.d.sync),
                                     ("RESET", reset, m.d.comb)):
            domain += strobe.eq(file.write & (file.addr == address(name) - PAGES["run"].address))
        with m.If(file.write & (file.addr == address("QUEUE_CLEAR") - PAGES["run"].address)):
            m.d.comb += self.queue_clear.eq(file.data)

        # A strobe comes some clocks after the last setting.
        ragged, empty, too_long, endless = Signal(), Signal(), Signal(), Signal()
        bad = Signal()
        bursts = beats[burst_shift:]
        end = Signal(len(bursts) + 1)
        m.d.sync += [
            ragged.eq((base | beats) % config.burst_beats != 0),
            empty.eq(bursts == 0),
            end.eq(base[burst_shift:] + bursts),
            # More than 1 and only zeros, in bursts.
            too_long.eq(end[-1] | (end[-2] & end[:-2].any())),
            endless.eq(count == 0),
            bad.eq(ragged | empty | too_long),
        ]
        # So does the end of a play after its beginning.
        following, last = Signal.like(plays), Signal()
        m.d.sync += [following.eq(plays + 1), last.eq((following == count) & ~endless)]

        # Who takes part in the next play, and whether it may begin.
        settle, chosen, ready = Signal(), Signal(config.slots), Signal()
        m.d.comb += [
            self.feedback.eq(feedback & (~self.chained).replicate(config.slots)),
            chosen.eq(wanted & (self.available | (~tokens).replicate(config.slots))),
            ready.eq(chosen.any() & ~((together | self.chained) & (chosen != wanted))),
        ]
        with m.If(settle):
            m.d.sync += [self.active.eq(chosen), self.feed_mask.eq(chosen),
                         self.source.eq(source), go.eq(ready)]

        m.d.comb += [
            self.reader.p.addr.eq(base),
            self.reader.p.beats.eq(beats),
            self.reader.p.plays.eq(count),
            self.reader.p.endless.eq(endless),
            self.play.payload.eq(bursts),
        ]
        stopping, resetting = Signal(), Signal()
        with m.If(stop):
            m.d.sync += stopping.eq(1)
        with m.If(reset):
            m.d.sync += resetting.eq(1)
        # What the host writes next must find the machine idle.
        flushing = Signal()
        m.d.sync += file.wait.eq(resetting | flushing)

        @contextmanager
        def state_of_run(name):
            with m.State(name):
                m.d.comb += self.running.eq(1)
                with m.If(resetting):
                    m.next = "Hold"
                with m.Else():
                    yield

        def command(action):
            m.d.comb += [self.feed.valid.eq(1), self.feed.payload.eq(action)]
            return m.If(self.feed.ready)

        def fail(code):
            m.d.sync += error.eq(code)
            m.next = "Flush-Failed"

        m.d.sync += [self.reset.eq(0), self.hold.eq(0)]
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += [state.eq(State.IDLE), idle.eq(1)]
                m.d.sync += [stopping.eq(0), go.eq(0)]
                with m.If(resetting):
                    m.next = "Hold"
                with m.Elif(start):
                    m.d.sync += [plays.eq(0), self.feed_mask.eq(resets)]
                    m.next = "Reset-First"
                    with m.If(bad):
                        fail(Error.BAD_RUN)

            for name, then in ("First", "Start-Reader"), ("Slots", "Settle"):
                with state_of_run(f"Reset-{name}"):
                    m.d.comb += self.between.eq(1)
                    with command(FeedAction.RESET):
                        m.d.comb += slots_reset.eq(1)
                        m.next = then

            with state_of_run("Start-Reader"):
                m.d.comb += [self.between.eq(1), self.reader.valid.eq(1), settle.eq(1)]
                with m.If(self.reader.ready):
                    m.next = "Await-Tokens"

            with state_of_run("Await-Tokens"):
                m.d.comb += self.between.eq(1)
                with m.If(stopping):
                    m.next = "Flush"
                with m.Elif(resets.any()):
                    m.d.sync += [self.feed_mask.eq(resets), go.eq(0)]
                    m.next = "Reset-Slots"
                with m.Elif(go):
                    m.next = "Play"
                    with m.If(tokens):
                        m.next = "Take-Tokens"
                with m.Else():
                    m.d.comb += [settle.eq(1), self.waiting.eq(1), state.eq(State.WAITING)]

            with state_of_run("Settle"):
                # The feed has told by now who has a token left.
                m.d.comb += [self.between.eq(1), settle.eq(1)]
                m.next = "Await-Tokens"

            with state_of_run("Take-Tokens"):
                m.d.comb += self.between.eq(1)
                with command(FeedAction.BEGIN):
                    m.d.comb += self.sampler_begin.eq(self.active)
                    m.next = "Play"

            with state_of_run("Play"):
                m.d.comb += self.play.valid.eq(1)
                with m.If(self.fault.error != Error.NONE):
                    fail(self.fault.error)
                with m.Elif(self.play.ready):
                    m.next = "Count"
                    with m.If(tokens):
                        m.next = "Hand-On"

            with state_of_run("Hand-On"):
                m.d.comb += self.between.eq(1)
                with command(FeedAction.FINISH):
                    m.d.comb += self.token.eq(1)
                    m.next = "Count"

            with state_of_run("Count"):
                m.d.comb += [self.between.eq(1), settle.eq(1)]
                m.d.sync += plays.eq(following)
                m.next = "Await-Tokens"
                with m.If(stopping | last):
                    m.next = "Flush"

            for name, following in ("", "Idle"), ("-Failed", "Failed"):
                with m.State(f"Flush{name}"):
                    m.d.comb += [self.flush.eq(1), flushing.eq(1)]
                    m.next = f"Await-Flush{name}"

                with m.State(f"Await-Flush{name}"):
                    m.d.comb += flushing.eq(1)
                    with m.If(self.flushed):
                        m.next = following

            with m.State("Failed"):
                m.d.comb += state.eq(State.ERROR)
                with m.If(resetting):
                    m.next = "Hold"

            with m.State("Hold"):
                m.d.sync += self.hold.eq(1)
                m.next = "Await-Sequencer"

            with m.State("Await-Sequencer"):
                # The sequencer may give the mover a last command until it is held.
                m.d.sync += self.hold.eq(1)
                m.next = "Await-Mover"

            with m.State("Await-Mover"):
                m.d.sync += self.hold.eq(self.mover_busy)
                with m.If(~self.mover_busy):
                    m.d.sync += [self.reset.eq(1), resetting.eq(0), error.eq(Error.NONE)]
                    m.next = "Flush"

        return m
