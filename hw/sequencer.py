"""Sequencer: reads the tape and hands its instructions to the units."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.registers import Error

from .instruction_decoder import MAX_WORDS, InstructionDecoder, Kind
from .memory_mover import MoverCommand
from .scalar_command import ScalarCommand
from .tape_position import TapePosition
from .ternary_array import ArrayCommand
from .vector_command import VectorCommand

__all__ = ["Fault", "Sequencer"]


class Fault(data.Struct):
    """Why a play ended early, and the first byte and the first word of the instruction at fault."""

    error: range(max(Error) + 1)
    position: 32
    word: 32


class Sequencer(wiring.Component):
    """Plays the tape once for each ``play``.

    An instruction is read a word a clock, and dispatched two clocks after its last word. One for
    the vector engine, the array or the mover then waits until all three are idle; MATVEC, LOAD
    and STORE go to two of them at once. A scalar instruction waits only while an instruction
    under way has a statistic, or reads the register that the scalar instruction writes. While an
    instruction is carried out the next one is read, unless its payload comes first.

    ``play`` is taken at END, when every unit is idle and the padding behind END has been dropped.
    After an undefined opcode or the end of the tape ``fault`` stays until a reset, and no further
    instruction is issued.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    play : :py:`In(stream.Signature(...))`
        Bursts of the tape, padding included; constant while a play is under way.
    available, data, take
        The tape's bytes, see :class:`Gearbox`.
    array_take : :py:`In(range(step_bytes + 1))`
        Those that the array takes.
    array, vector, scalar, mover : :py:`Out(stream)`
        Commands.
    fill : :py:`Out(stream.Signature(16))`
        Payload of FILL, every other clock.
    array_busy, vector_busy, mover_busy, scalar_busy, sampler_busy : :py:`In(1)`
        A command is being carried out. The array is not busy from the clock on in which it could
        take another; so are the others.
    array_starved : :py:`In(1)`
        The array waits for bytes.
    position : :py:`Out(...)`
        Bytes of the tape taken in this play, see :class:`TapePosition`.
    fault : :py:`Out(Fault)`
        Why the play ended early.
    starved : :py:`Out(1)`
        Strobe, a clock late: bytes of the tape are waited for, and nothing else goes on.
    scalar_wait : :py:`Out(1)`
        Strobe, a clock late: only the scalar unit is waited for.

    Attributes
    ----------
    out_bytes : :class:`int`
        Bytes of the tape shown at once: an instruction word, or a step of the array.
    """

    def __init__(self, *, config):
        self.config = config
        self.out_bytes = max(4, config.step_bytes)
        self._position = TapePosition(config=config, out_bytes=self.out_bytes)
        super().__init__({
            "play": In(stream.Signature(self._position.bursts.shape())),
            "available": In(self._position.available.shape()),
            "data": In(8 * self.out_bytes),
            "take": Out(self._position.take.shape()),
            "array_take": In(range(config.step_bytes + 1)),
            "array": Out(stream.Signature(ArrayCommand)),
            "vector": Out(stream.Signature(VectorCommand)),
            "scalar": Out(stream.Signature(ScalarCommand)),
            "mover": Out(stream.Signature(MoverCommand())),
            "fill": Out(stream.Signature(unsigned(16))),
            "array_busy": In(1),
            "vector_busy": In(1),
            "mover_busy": In(1),
            "scalar_busy": In(1),
            "sampler_busy": In(1),
            "array_starved": In(1),
            "position": Out(self._position.position.shape()),
            "fault": Out(Fault),
            "starved": Out(1),
            "scalar_wait": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # The tape: who takes it says so by a number of bytes, all others by zero.
        fetch_take = Signal.like(self.take)
        m.submodules.position = position = self._position
        m.d.comb += [
            self.take.eq(fetch_take | self.array_take),
            position.bursts.eq(self.play.payload),
            position.take.eq(self.take),
            position.available.eq(self.available),
            self.position.eq(position.position),
        ]

        # Instruction words arrive a clock after they are taken.
        words = [Signal(32, name=f"word_{n}") for n in range(MAX_WORDS)]
        following = Signal(MAX_WORDS)  # the word that is fetched next, one bit each
        arriving = Signal(MAX_WORDS)
        m.d.sync += arriving.eq(0)
        for n, word in enumerate(words):
            with m.If(arriving[n]):
                m.d.sync += word.eq(self.data)

        m.submodules.decoder = decoder = InstructionDecoder()
        m.d.comb += [
            decoder.first.eq(self.data),
            decoder.words.eq(Cat(words)),
            self.array.payload.eq(decoder.array),
            self.vector.payload.eq(decoder.vector),
            self.scalar.payload.eq(decoder.scalar),
            self.mover.payload.eq(decoder.mover),
            self.fill.payload.eq(self.data),
        ]
        kind = Signal.like(decoder.kind)
        rest = Signal.like(decoder.count)  # words to fetch

        # The instruction at fault stays in its registers.
        start = Signal.like(self.position)
        error = Signal.like(self.fault.error)
        m.d.comb += [
            self.fault.error.eq(error),
            self.fault.position.eq(start),
            self.fault.word.eq(words[0]),
        ]

        # What is under way: its statistic, and the scalar that it reads.
        units_busy = self.array_busy | self.vector_busy | self.mover_busy
        busy = Signal()  # two clocks after a command at the latest
        stat = Signal.like(decoder.stat)
        operand = Signal.like(decoder.operand)
        conflict = Signal()
        idle = Signal(2)  # of a clock ago, and of two
        all_idle = ~(units_busy | self.scalar_busy | self.sampler_busy)
        m.d.sync += [busy.eq(units_busy), idle.eq(Cat(all_idle, idle))]

        # Commands not yet taken, and elements of FILL.
        to_issue = Signal(3)
        ports = (self.vector, self.array, self.mover)
        # What state the instruction is in, told by a flip-flop each: the units wait for it.
        offering, issuing, scalar_offering = Signal(), Signal(), Signal()
        may_begin = ~busy & ~position.beyond
        m.d.comb += [
            Cat(port.valid for port in ports).eq(
                to_issue & (issuing | (offering & may_begin)).replicate(len(ports))),
            self.scalar.valid.eq(scalar_offering & ~position.beyond & ~(busy & conflict)),
        ]

        def offer(kind):
            m.d.sync += scalar_offering.eq(kind == Kind.SCALAR)
            m.d.sync += offering.eq(
                (kind != Kind.SCALAR) & (kind != Kind.END) & (kind != Kind.UNDEFINED))
        fill_left = Signal.like(decoder.vector.length)

        shown, last_fill = Signal(), Signal()  # a constant of FILL shows; it is the last one
        m.d.comb += self.fill.valid.eq(shown)

        def fail(code):
            m.d.sync += [error.eq(code), offering.eq(0), scalar_offering.eq(0), shown.eq(0)]
            m.next = "Stay-Failed"

        def starve(waits=1):
            """Wait for bytes, in vain where the whole tape is here."""
            m.d.sync += self.starved.eq(waits)
            with m.If(self.starved & position.all_here):
                fail(Error.TAPE_ENDED)

        def fetch(then):
            with m.If(self.available >= 4):
                m.d.comb += fetch_take.eq(4)
                m.d.sync += [arriving.eq(following), following.eq(following << 1)]
                then()
            with m.Else():
                starve(~units_busy)

        def begin():
            m.d.sync += following.eq(1)
            m.next = "Fetch-First"

        def issue():
            remaining = to_issue & ~Cat(port.ready for port in ports)
            m.d.sync += [to_issue.eq(remaining), offering.eq(0), issuing.eq(remaining.any())]
            with m.If(remaining.any()):
                m.next = "Issue"
            with m.Else():
                begin()
                with m.Switch(kind):
                    with m.Case(Kind.MATVEC):
                        m.next = "Pass-Weights"
                    with m.Case(Kind.FILL):
                        m.next = "Pass-Constants"

        m.d.sync += [self.starved.eq(0), self.scalar_wait.eq(0)]
        with m.FSM():
            with m.State("Await-Play"):
                m.d.comb += position.restart.eq(1)
                with m.If(self.play.valid):
                    begin()

            with m.State("Fetch-First"):
                m.d.sync += start.eq(self.position)

                def decode():
                    m.next = "Decode"
                fetch(decode)

            with m.State("Decode"):
                # The first word shows.
                m.d.sync += [
                    start.eq(self.position),
                    kind.eq(decoder.kind),
                    rest.eq(decoder.count - 1),
                    conflict.eq((stat != 0) | ((operand != 0) & (operand == decoder.dst))),
                ]
                m.next = "Dispatch"
                with m.If(decoder.count > 1):
                    m.next = "Fetch-Rest"
                with m.Else():
                    offer(decoder.kind)

            with m.State("Fetch-Rest"):
                def count():
                    m.d.sync += rest.eq(rest - 1)
                    with m.If(rest == 1):
                        m.next = "Await-Word"
                fetch(count)

            with m.State("Await-Word"):
                m.d.sync += to_issue.eq(Cat(1, kind == Kind.MATVEC, kind == Kind.MOVE))
                offer(kind)
                m.next = "Dispatch"

            with m.State("Dispatch"):
                # At once, even where the tape has ended: nothing is asked of them any more then.
                with m.If(~busy & (kind != Kind.SCALAR)):
                    m.d.sync += [
                        stat.eq(decoder.stat),
                        operand.eq(decoder.operand),
                        fill_left.eq(decoder.vector.length),
                    ]
                with m.If(position.beyond):
                    fail(Error.TAPE_ENDED)
                with m.Else():
                    with m.Switch(kind):
                        with m.Case(Kind.UNDEFINED):
                            fail(Error.UNDEFINED_OPCODE)
                        with m.Case(Kind.END):
                            m.next = "Drop-Padding"
                        with m.Case(Kind.SCALAR):
                            m.d.sync += self.scalar_wait.eq(~units_busy & ~self.scalar.ready)
                            with m.If(self.scalar.ready & self.scalar.valid):
                                m.d.sync += scalar_offering.eq(0)
                                begin()
                        with m.Default():
                            with m.If(~busy):
                                issue()

            with m.State("Issue"):
                issue()

            with m.State("Pass-Weights"):
                with m.If(position.beyond):
                    fail(Error.TAPE_ENDED)
                with m.Elif(self.array_starved):
                    starve()
                with m.Elif(~self.array_busy):
                    begin()

            with m.State("Pass-Constants"):
                # They show when nothing was taken a clock ago.
                m.d.sync += [shown.eq(self.available >= 2), last_fill.eq(fill_left == 1)]
                with m.If(~shown):
                    starve(self.available < 2)
                with m.Elif(self.fill.ready):
                    m.d.comb += fetch_take.eq(2)
                    m.d.sync += [shown.eq(0), fill_left.eq(fill_left - 1)]
                    with m.If(last_fill):
                        begin()

            with m.State("Drop-Padding"):
                # First to a multiple of four, then four at a time; the position is a clock late.
                dropped = Signal()
                m.d.sync += dropped.eq(0)
                rest_of_four = -self.position[:2]
                with m.If(~dropped):
                    with m.If(position.over):
                        m.next = "Await-Units"
                    with m.Elif((self.available >= 4) | position.all_here):
                        m.d.comb += fetch_take.eq(
                            Mux(self.position[:2].any(), rest_of_four[:2], 4))
                        m.d.sync += dropped.eq(1)
                    with m.Else():
                        m.d.sync += self.starved.eq(~units_busy)

            with m.State("Await-Units"):
                # Twice, so that what leaves one unit last is seen in the next one.
                m.d.sync += self.scalar_wait.eq(~units_busy & self.scalar_busy)
                with m.If(idle.all()):
                    m.d.comb += self.play.ready.eq(1)
                    m.next = "Await-Play"

            with m.State("Stay-Failed"):
                pass

        return m
