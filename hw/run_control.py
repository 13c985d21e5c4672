"""Run control: plays a tape as often as the host asks for, token by token."""

from contextlib import contextmanager

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

    Each play: wait until the slots have input tokens, take them, play the tape, hand the sampled
    tokens on. The reader is told of all plays at the start, so that it runs ahead from one to the
    next; at the end, or after an error, it is flushed.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``run``.
    active : :py:`Out(config.slots)`
        Slots that take part, constant during a run.
    feed : :py:`Out(stream.Signature(FeedAction))`
        The token feed.
    feed_mask, feedback, available
        See :class:`TokenFeed`.
    reader : :py:`Out(stream.Signature(PlayCommand(...)))`
        The tape reader.
    flush, flushed
        See :class:`TapeReader`.
    play : :py:`Out(stream.Signature(...))`
        The sequencer: bytes of the tape, taken at its end.
    fault, left
        See :class:`Sequencer`.
    mover_busy : :py:`In(1)`
        The mover must not be reset.
    hold : :py:`Out(1)`
        Resets sequencer and token feed.
    reset : :py:`Out(1)`
        Resets every unit, for one clock, while nothing uses the memory.
    sampler_begin : :py:`Out(1)`
        Strobe: the next logit is row 0 of a new token.
    crc_clear : :py:`Out(config.slots)`
        The same for each active slot.
    state : :py:`Out(State)`
        What STATUS tells.
    running, waiting, between, token : :py:`Out(1)`
        For the counters: a run is under way; it waits for the host; it is between two plays;
        strobe: a play of a token tape has ended.
    """

    def __init__(self, *, config):
        self.config = config
        addr_width = exact_log2(config.memory_beats)
        super().__init__({
            "bus": In(RegisterBus),
            "active": Out(config.slots),
            "feed": Out(stream.Signature(FeedAction)),
            "feed_mask": Out(config.slots),
            "feedback": Out(1),
            "available": In(1),
            "reader": Out(stream.Signature(PlayCommand(addr_width))),
            "flush": Out(1),
            "flushed": In(1),
            "play": Out(stream.Signature(unsigned(bits_for(config.memory_size)))),
            "fault": In(Fault),
            "left": In(signed(32)),
            "mover_busy": In(1),
            "hold": Out(1),
            "reset": Out(1),
            "sampler_begin": Out(1),
            "crc_clear": Out(config.slots),
            "state": Out(State),
            "running": Out(1),
            "waiting": Out(1),
            "between": Out(1),
            "token": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        addr_width = exact_log2(config.memory_beats)
        beat_shift = exact_log2(config.memory_bytes)

        # Settings; what does not fit is cut off.
        base = Signal(addr_width)
        beats = Signal(addr_width + 1)
        count = Signal(32)
        resets = Signal(config.slots)
        tokens = Signal()
        settings = {"RUN_BASE": base, "RUN_BEATS": beats, "RUN_COUNT": count,
                    "RUN_ACTIVE": self.active, "RUN_RESET": resets,
                    "RUN_FLAGS": Cat(tokens, self.feedback)}

        state = Signal(State, init=State.RUNNING)
        m.d.comb += self.state.eq(state)
        error = Signal(Error, init=Error.NONE)
        error_left = Signal(signed(32))
        error_word = Signal(32)
        plays = Signal(32)
        size = Signal(signed(32))  # bytes of the tape
        results = {"STATUS": state, "ERROR": error, "ERROR_POSITION": size - error_left,
                   "ERROR_WORD": error_word, "PLAYS": plays, "TAPE_POSITION": size - self.left}

        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)
        start, stop, reset = Signal(), Signal(), Signal()
        with m.Switch(file.addr):
            for name, register in {**settings, **results}.items():
                with m.Case(address(name) - PAGES["run"].address):
                    m.d.comb += file.word.eq(register)
                    if name in settings:
                        with m.If(file.write & (state == State.IDLE)):
                            m.d.sync += register.eq(file.data)
            for name, strobe in ("START", start), ("STOP", stop), ("RESET", reset):
                with m.Case(address(name) - PAGES["run"].address):
                    m.d.comb += strobe.eq(file.write)

        # A strobe comes some clocks after the last setting.
        bad = Signal()
        ragged = (base | beats) % config.burst_beats
        m.d.sync += [
            size.eq(beats << beat_shift),
            bad.eq((beats == 0) | (ragged != 0) | (self.active == 0)
                   | (base + beats > config.memory_beats)),
        ]

        m.d.comb += [
            self.feed_mask.eq(self.active),
            self.reader.p.addr.eq(base),
            self.reader.p.beats.eq(beats),
            # Until STOP: more plays than anybody waits for.
            self.reader.p.plays.eq(Mux(count == 0, (1 << 32) - 1, count)),
            self.play.payload.eq(size),
        ]
        stopping, resetting = Signal(), Signal()
        with m.If(stop):
            m.d.sync += stopping.eq(1)
        with m.If(reset):
            m.d.sync += resetting.eq(1)
        # What the host writes next must find the machine idle.
        flushing = Signal()
        m.d.comb += file.wait.eq(reset | resetting | flushing)

        @contextmanager
        def state_of_run(name):
            with m.State(name):
                m.d.comb += self.running.eq(1)
                with m.If(resetting):
                    m.next = "Await-Mover"
                with m.Else():
                    yield

        def command(action):
            m.d.comb += [self.feed.valid.eq(1), self.feed.payload.eq(action)]
            return m.If(self.feed.ready)

        def fail(code, left=0, word=0):
            m.d.sync += [error.eq(code), error_left.eq(left), error_word.eq(word)]
            m.next = "Flush-Failed"

        with m.FSM():
            with m.State("Idle"):
                m.d.comb += state.eq(State.IDLE)
                m.d.sync += stopping.eq(0)
                with m.If(resetting):
                    m.next = "Await-Mover"
                with m.Elif(start):
                    m.d.sync += plays.eq(0)
                    m.next = "Reset-Slots"
                    with m.If(bad):
                        fail(Error.BAD_RUN, size)

            with state_of_run("Reset-Slots"):
                m.d.comb += [self.between.eq(1), self.feed_mask.eq(resets)]
                with command(FeedAction.RESET):
                    m.next = "Start-Reader"

            with state_of_run("Start-Reader"):
                m.d.comb += [self.between.eq(1), self.reader.valid.eq(1)]
                with m.If(self.reader.ready):
                    m.next = "Await-Tokens"

            with state_of_run("Await-Tokens"):
                m.d.comb += self.between.eq(1)
                with m.If(stopping):
                    m.next = "Flush"
                with m.Elif(~tokens):
                    m.next = "Play"
                with m.Elif(self.available):
                    m.next = "Take-Tokens"
                with m.Else():
                    m.d.comb += [self.waiting.eq(1), state.eq(State.WAITING)]

            with state_of_run("Take-Tokens"):
                m.d.comb += self.between.eq(1)
                with command(FeedAction.BEGIN):
                    m.d.comb += [self.sampler_begin.eq(1), self.crc_clear.eq(self.active)]
                    m.next = "Play"

            with state_of_run("Play"):
                m.d.comb += self.play.valid.eq(1)
                with m.If(self.fault.error != Error.NONE):
                    fail(self.fault.error, self.fault.left, self.fault.word)
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
                m.d.comb += self.between.eq(1)
                m.d.sync += plays.eq(plays + 1)
                m.next = "Await-Tokens"
                with m.If(stopping | (plays + 1 == count)):
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
                    m.next = "Await-Mover"

            with m.State("Await-Mover"):
                m.d.comb += self.hold.eq(1)
                with m.If(~self.mover_busy):
                    m.d.comb += self.reset.eq(1)
                    m.d.sync += [resetting.eq(0), error.eq(Error.NONE)]
                    m.next = "Flush"

        return m
