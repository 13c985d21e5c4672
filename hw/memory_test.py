"""Memory test: writes a pattern to memory and reads it back, at the memory's speed."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from trine.firmware.registers import MEMORY_TEST_BEATS, MEMORY_TEST_ERRORS, PAGES, address

from .link.bus import RegisterBus
from .link.memory_port import BurstSignature
from .register_file import RegisterFile

__all__ = ["MemoryTest"]


class MemoryTest(wiring.Component):
    """Writes a pseudo-random pattern, reads it back and counts the beats that differ.

    A beat a clock, as far as the memory follows, in commands of ``MEMORY_TEST_BEATS``. The pattern
    is a sequence of bits that goes on from beat to beat, so that a beat tells where it belongs:
    see the page ``memory_test`` (``docs/registers.md``).

    Golden: :mod:`trine.sim.golden.memory_test`.

    Parameters
    ----------
    config : :class:`Config`
        Size of the memory.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``memory_test``.
    running : :py:`In(1)`
        A run is under way: no test begins.
    memory : :py:`Out(BurstSignature(...))`
        The memory's burst port.

    Raises
    ------
    ValueError
        If the memory is smaller than twice what is tested at once, or not a multiple of it.
    """

    def __init__(self, *, config):
        chunks, rest = divmod(config.memory_beats, MEMORY_TEST_BEATS)
        if chunks < 2 or rest:
            raise ValueError(f"A memory to be tested must have {2 * MEMORY_TEST_BEATS} beats or "
                             f"more, a multiple of {MEMORY_TEST_BEATS}, not "
                             f"{config.memory_beats}")
        self.config = config
        super().__init__({
            "bus": In(RegisterBus),
            "running": In(1),
            "memory": Out(BurstSignature(beat_bytes=config.memory_bytes,
                                         addr_width=config.addr_width)),
        })

    def elaborate(self, platform):
        m = Module()

        width = 8 * self.config.memory_bytes
        chunk_shift = exact_log2(MEMORY_TEST_BEATS)
        chunk_bits = self.config.addr_width - chunk_shift
        chunks = self.config.memory_beats >> chunk_shift
        memory = self.memory

        # Registers.
        base, end = Signal(chunk_bits), Signal(chunk_bits)
        seed = Signal(31)
        writes, reads, invert = Signal(), Signal(), Signal()
        busy = Signal()
        errors = Signal(range(MEMORY_TEST_ERRORS + 1))
        first = Signal(chunk_bits + chunk_shift)
        wrong_bits = Signal(min(width, 32))
        m.submodules.file = file = RegisterFile(delay=1)
        connect(m, flipped(self.bus), file.bus)

        page = PAGES["memory_test"]

        def chosen(name):
            place = address(f"MEMORY_TEST_{name}") - page.address
            return file.addr[:exact_log2(page.size)] == place

        # Registers that are zero unless chosen: an OR takes less than a multiplexer.
        shown = []
        for name, value in {"BUSY": busy, "ERRORS": errors, "FIRST": first,
                            "BITS": wrong_bits}.items():
            shown.append(Signal.like(value, name=f"shown_{name.lower()}"))
            m.d.sync += shown[-1].eq(value)
            with m.If(~chosen(name)):
                m.d.sync += shown[-1].eq(0)
        m.d.comb += file.word.eq(reduce(or_, shown))
        for name, register, data in (("BASE", base, file.data >> chunk_shift),
                                     ("END", end, file.data >> chunk_shift),
                                     ("SEED", seed, file.data)):
            with m.If(file.write & chosen(name)):
                m.d.sync += register.eq(data)
        start = Signal()
        m.d.sync += start.eq(file.write & chosen("START") & ~self.running)

        # The pattern: `state` are its next bits, and a beat moves it on by as many as it takes.
        state = Signal(31)
        ahead = state
        while len(ahead) < 31 + width:
            new = ahead[-31:][:31 + width - len(ahead)]
            bits = Signal(min(28, len(new)), name=f"ahead_{len(ahead)}")
            m.d.comb += bits.eq(new ^ ahead[-28:])
            ahead = Cat(ahead, bits)
        beat = ahead[:width] ^ invert.replicate(width)
        chunk = Signal(chunk_bits)
        count = Signal(chunk_shift)
        last = Signal()
        moves = Signal()
        with m.If(moves):
            m.d.sync += [state.eq(ahead[width:]), count.eq(count + 1),
                         last.eq(count == MEMORY_TEST_BEATS - 2)]
        m.d.comb += [
            memory.burst.p.addr.eq(chunk << chunk_shift),
            memory.burst.p.beats.eq(MEMORY_TEST_BEATS),
            memory.burst.p.write.eq(writes),
            memory.wdata.payload.eq(beat),
        ]

        # What was read is compared a clock later, and counted two clocks later.
        got, expected = Signal(width), Signal(width)
        place, compared_place = Signal.like(first), Signal.like(first)
        came, wrong, found = Signal(), Signal(), Signal()
        difference = got ^ expected
        with m.If(moves):
            m.d.sync += [
                got.eq(memory.rdata.payload),
                expected.eq(beat),
                place.eq(Cat(count, chunk)),
            ]
        with m.If(came):
            m.d.sync += compared_place.eq(place)
        m.d.sync += [
            came.eq(memory.rdata.valid & memory.rdata.ready),
            wrong.eq(came & difference.any()),
            wrong_bits.eq(wrong_bits | Mux(came, reduce(or_, (
                difference[low:low + 32] for low in range(0, width, 32))), 0)),
            errors.eq(errors + (wrong & ~errors[-1])),
            found.eq(found | wrong),
        ]
        with m.If(wrong & ~found):
            m.d.sync += first.eq(compared_place)

        with m.FSM() as fsm:
            m.d.comb += busy.eq(~fsm.ongoing("Idle"))

            with m.State("Idle"):
                with m.If(start & file.data[:2].any()):
                    m.d.sync += Cat(writes, reads, invert).eq(file.data)
                    m.d.sync += [errors.eq(0), wrong_bits.eq(0), found.eq(0)]
                    m.next = "Begin-Pass"

            with m.State("Begin-Pass"):
                m.d.sync += [state.eq(seed), chunk.eq(base)]
                m.next = "Command"

            with m.State("Command"):
                m.d.comb += memory.burst.valid.eq(1)
                with m.If(memory.burst.ready):
                    m.next = "Read"
                    with m.If(writes):
                        m.next = "Write"

            with m.State("Write"):
                m.d.comb += [memory.wdata.valid.eq(1), moves.eq(memory.wdata.ready)]
                with m.If(memory.wdata.ready & last):
                    m.next = "Await-Memory"

            with m.State("Await-Memory"):
                with m.If(memory.done):
                    m.next = "Count-Chunk"

            with m.State("Read"):
                m.d.comb += [memory.rdata.ready.eq(1), moves.eq(memory.rdata.valid)]
                with m.If(memory.rdata.valid & last):
                    m.next = "Count-Chunk"

            with m.State("Count-Chunk"):
                m.d.sync += chunk.eq(chunk + 1)
                if chunks < 1 << chunk_bits:
                    with m.If(chunk == chunks - 1):
                        m.d.sync += chunk.eq(0)
                m.next = "Finish-Chunk"

            with m.State("Finish-Chunk"):
                m.next = "Command"
                with m.If(chunk == end):
                    m.d.sync += writes.eq(0)
                    m.next = "Idle"
                    with m.If(writes & reads):
                        m.next = "Begin-Pass"

        return m
