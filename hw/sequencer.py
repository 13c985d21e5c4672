"""Sequencer: reads the tape and hands its instructions to the units."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from trine.firmware.registers import Error

from .instruction_decoder import MAX_WORDS, InstructionDecoder, Kind
from .memory_mover import MoverCommand
from .scalar_command import ScalarCommand
from .ternary_array import ArrayCommand
from .vector_command import VectorCommand

__all__ = ["Fault", "Sequencer"]


class Fault(data.Struct):
    """Why a play ended early, and where: ``left`` counts the tape's bytes from there on."""

    error: range(max(Error) + 1)
    left: signed(32)
    word: 32


class Sequencer(wiring.Component):
    """Plays the tape once for each ``play``.

    An instruction is read a word a clock. One for the vector engine, the array or the mover then
    waits until all three are idle; MATVEC, LOAD and STORE go to two of them at once. A scalar
    instruction waits only while an instruction under way has a statistic, or reads the register
    that the scalar instruction writes. While an instruction is carried out the next one is read,
    unless its payload comes first.

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
        Bytes of the tape, padding included.
    available, data, take
        The tape's bytes, see :class:`Gearbox`.
    array_available, array_take
        The part of them that is the array's, see :class:`TernaryArray`.
    array, vector, scalar, mover : :py:`Out(stream)`
        Commands.
    fill : :py:`Out(stream.Signature(16))`
        Payload of FILL.
    array_busy, vector_busy, mover_busy, scalar_busy, sampler_busy : :py:`In(1)`
        A command is being carried out. The array is not busy from the clock on in which it could
        take another; so are the others.
    array_starved : :py:`In(1)`
        The array waits for bytes.
    left : :py:`Out(signed(32))`
        Bytes of the tape not yet taken, a little late.
    fault : :py:`Out(Fault)`
        Why the play ended early.
    starved : :py:`Out(1)`
        Strobe: bytes of the tape are waited for, and nothing else goes on.
    scalar_wait : :py:`Out(1)`
        Strobe: only the scalar unit is waited for.
    """

    def __init__(self, *, config):
        self.config = config
        #: Bytes of the tape shown at once: an instruction word, or a step of the array.
        self.out_bytes = max(4, config.step_bytes)
        super().__init__({
            "play": In(stream.Signature(unsigned(bits_for(config.memory_size)))),
            "available": In(range(3 * config.word_bytes + 1)),
            "data": In(8 * self.out_bytes),
            "take": Out(range(self.out_bytes + 1)),
            "array_available": Out(range(config.word_bytes + 1)),
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
            "left": Out(signed(32)),
            "fault": Out(Fault),
            "starved": Out(1),
            "scalar_wait": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        words = [Signal(32, name=f"word_{n}") for n in range(MAX_WORDS)]
        index = Signal(range(MAX_WORDS))
        m.submodules.decoder = decoder = InstructionDecoder()
        m.d.comb += [
            decoder.words.eq(Cat(words)),
            self.array.payload.eq(decoder.array),
            self.vector.payload.eq(decoder.vector),
            self.scalar.payload.eq(decoder.scalar),
            self.mover.payload.eq(decoder.mover),
            self.fill.payload.eq(self.data[:16]),
        ]

        # The tape: who takes it says so by a number of bytes, all others by zero.
        fetch_take = Signal.like(self.take)
        taken = Signal.like(self.take)
        clamp = self.config.word_bytes
        m.d.comb += [
            self.take.eq(fetch_take | self.array_take),
            self.array_available.eq(Mux(self.available > clamp, clamp, self.available)),
        ]
        m.d.sync += [taken.eq(self.take), self.left.eq(self.left - taken)]

        # Who then waits for bytes waits in vain. `left` counts late, so it is never too small.
        all_here = Signal()
        m.d.sync += all_here.eq(self.left <= self.available)
        start = Signal.like(self.left)  # the same at the start of the instruction

        # What is under way: its statistic, and the scalar that it reads.
        units_busy = self.array_busy | self.vector_busy | self.mover_busy
        stat = Signal.like(decoder.stat)
        operand = Signal.like(decoder.operand)
        hazard = units_busy & ((stat != 0) | ((operand != 0) & (operand == decoder.scalar.dst)))

        # Commands not yet taken, and elements of FILL.
        to_issue = Signal(3)
        ports = (self.vector, self.array, self.mover)
        fill_left = Signal.like(decoder.vector.length)

        def fail(error, left):
            m.d.sync += [self.fault.error.eq(error), self.fault.left.eq(left),
                         self.fault.word.eq(words[0])]
            m.next = "Stay-Failed"

        def starve(left=start):
            m.d.comb += self.starved.eq(1)
            with m.If(all_here):
                fail(Error.TAPE_ENDED, left)

        def fetch(left, following):
            with m.If(self.available >= 4):
                m.d.comb += fetch_take.eq(4)
                for n, word in enumerate(words):
                    with m.If(index == n):
                        m.d.sync += word.eq(self.data[:32])
                m.d.sync += index.eq(index + 1)
                following()
            with m.Elif(~units_busy):
                starve(left)

        def begin():
            m.d.sync += index.eq(0)
            m.next = "Fetch-First"

        with m.FSM():
            with m.State("Await-Play"):
                m.d.sync += [self.left.eq(self.play.payload), all_here.eq(0)]
                with m.If(self.play.valid):
                    begin()

            with m.State("Fetch-First"):
                def decode():
                    m.next = "Decode"
                fetch(self.left, decode)

            with m.State("Decode"):
                # The first word is not counted yet.
                m.d.sync += start.eq(self.left)
                m.next = "Fetch-Rest"
                with m.If(self.left < 4):
                    fail(Error.TAPE_ENDED, self.left)
                with m.Elif(decoder.kind == Kind.UNDEFINED):
                    fail(Error.UNDEFINED_OPCODE, self.left)
                with m.Elif(decoder.count == 1):
                    m.next = "Dispatch"

            with m.State("Fetch-Rest"):
                def count():
                    with m.If(index == decoder.count - 1):
                        m.next = "Dispatch"
                fetch(start, count)

            with m.State("Dispatch"):
                with m.Switch(decoder.kind):
                    with m.Case(Kind.END):
                        m.next = "Drop-Padding"
                    with m.Case(Kind.SCALAR):
                        m.d.comb += self.scalar.valid.eq(~hazard)
                        m.d.comb += self.scalar_wait.eq(~units_busy & ~self.scalar.ready)
                        with m.If(self.scalar.ready & ~hazard):
                            begin()
                    with m.Default():
                        with m.If(~units_busy):
                            m.d.sync += [
                                stat.eq(decoder.stat),
                                operand.eq(decoder.operand),
                                to_issue.eq(Cat(1, decoder.kind == Kind.MATVEC,
                                                decoder.kind == Kind.MOVE)),
                                fill_left.eq(decoder.vector.length),
                            ]
                            m.next = "Issue"

            with m.State("Issue"):
                m.d.comb += Cat(port.valid for port in ports).eq(to_issue)
                remaining = to_issue & ~Cat(port.ready for port in ports)
                m.d.sync += to_issue.eq(remaining)
                with m.If(remaining == 0):
                    begin()
                    with m.Switch(decoder.kind):
                        with m.Case(Kind.MATVEC):
                            m.next = "Pass-Weights"
                        with m.Case(Kind.FILL):
                            m.next = "Pass-Constants"

            with m.State("Pass-Weights"):
                with m.If(self.array_starved):
                    starve()
                with m.Elif(~self.array_busy):
                    begin()

            with m.State("Pass-Constants"):
                m.d.comb += self.fill.valid.eq(self.available >= 2)
                with m.If(~self.fill.valid):
                    starve()
                with m.Elif(self.fill.ready):
                    m.d.comb += fetch_take.eq(2)
                    m.d.sync += fill_left.eq(fill_left - 1)
                    with m.If(fill_left == 1):
                        begin()

            with m.State("Drop-Padding"):
                # `left` is two clocks late.
                settled = Signal(2)
                m.d.sync += settled.eq(settled + (settled != 2))
                rest = Mux(self.left >= 4, 4, self.left[:3])
                with m.If(settled == 2):
                    with m.If(self.left < 0):
                        fail(Error.TAPE_ENDED, start)
                    with m.Elif(self.left == 0):
                        m.d.sync += settled.eq(0)
                        m.next = "Await-Units"
                    with m.Elif(self.available >= rest):
                        m.d.comb += fetch_take.eq(rest)
                        m.d.sync += settled.eq(0)
                    with m.Elif(~units_busy):
                        starve()

            with m.State("Await-Units"):
                # Twice, so that what leaves one unit last is seen in the next one.
                idle = Signal()
                all_idle = ~(units_busy | self.scalar_busy | self.sampler_busy)
                m.d.sync += idle.eq(all_idle)
                m.d.comb += self.scalar_wait.eq(~units_busy & self.scalar_busy)
                with m.If(idle & all_idle):
                    m.d.sync += idle.eq(0)
                    m.d.comb += self.play.ready.eq(1)
                    m.next = "Await-Play"

            with m.State("Stay-Failed"):
                pass

        return m
