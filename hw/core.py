"""The core: everything between the link's bytes and the memory."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.registers import PAGES, Cause, Counter, State

from .burst_mux import BurstMux
from .code_memory import CodeMemory
from .counters import Counters
from .cycle_cause import CycleCause
from .identification import Identification
from .link.bus import BusDecoder, RegisterBus
from .link.link import Link
from .link_status import LinkStatus
from .memory.signature import MemorySignature
from .memory_mover import MemoryMover
from .memory_test import MemoryTest
from .run_control import RunControl
from .sampler import Sampler
from .sampler_port import SamplerPort
from .scalar_unit import ScalarUnit
from .sequencer import Sequencer
from .tape_reader import TapeReader
from .ternary_array import TernaryArray
from .token_feed import TokenFeed
from .token_queue import TokenQueue
from .token_ring import TokenRing
from .vector_engine import VectorEngine

__all__ = ["Activity", "Core"]


class Activity(data.Struct):
    """What a machine does in a cycle, for a picture of it.

    memory : a beat of the tape came; array, vector : a step, an element began; drain : a sum left;
    scalar, sampler : busy; causes : what the cycle counts for, a clock or two late;
    position : bytes of the tape taken in this play
    """

    memory: 1
    array: 1
    drain: 1
    vector: 1
    scalar: 1
    sampler: 1
    causes: len(Cause)
    position: 32


class Core(wiring.Component):
    """One machine. A board adds the memory's controller and what carries the link's bytes.

    Parameters
    ----------
    config : :class:`Config`
        Sizes.

    Members
    -------
    rx : :py:`In(stream.Signature(8))`
        Bytes from the host.
    tx : :py:`Out(stream.Signature(8))`
        Bytes to the host.
    memory : :py:`Out(MemorySignature(...))`
        The memory.
    clock : :py:`Out(RegisterBus)`
        Page ``clock``: the phase of the board's memory clock (:class:`.boards.phase_shifter`).
    state : :py:`Out(State)`
        What the machine is doing.
    loading : :py:`Out(1)`
        Strobe: the host writes to memory.
    activity : :py:`Out(Activity)`
        What the units do. A board leaves it open.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "rx": In(stream.Signature(8)),
            "tx": Out(stream.Signature(8)),
            "memory": Out(MemorySignature(beat_bytes=config.memory_bytes,
                                          addr_width=config.addr_width)),
            "clock": Out(RegisterBus),
            "state": Out(State),
            "loading": Out(1),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()

        config = self.config
        memory = {"beat_bytes": config.memory_bytes, "addr_width": config.addr_width}

        m.submodules.control = control = RunControl(config=config)

        def unit(component):
            return ResetInserter(control.reset)(component)

        def held(component):
            return ResetInserter(control.hold)(component)

        m.submodules.link = link = Link(burst_beats=config.burst_beats, **memory)
        m.submodules.decoder = decoder = BusDecoder(
            {page.name: (page.address, page.size) for page in PAGES.values()})
        m.submodules.identification = identification = Identification(config=config)
        m.submodules.link_status = link_status = LinkStatus()
        m.submodules.counters = counters = Counters(saturations=config.vector_lanes)
        m.submodules.cycle_cause = cycle_cause = CycleCause()
        m.submodules.queue = queue = TokenQueue(config=config)
        m.submodules.ring = ring = TokenRing(slots=config.slots,
                                              entries=config.ring_entries)
        m.submodules.feed = feed = held(TokenFeed(config=config))
        m.submodules.sampler_port = sampler_port = SamplerPort(config=config)

        m.submodules.sequencer = sequencer = held(Sequencer(config=config))
        m.submodules.reader = reader = TapeReader(
            word_bytes=config.word_bytes, fifo_bytes=config.fifo_bytes,
            out_bytes=sequencer.out_bytes, **memory)
        m.submodules.burst_mux = burst_mux = BurstMux(
            initiators=("mover", "link", "test"), **memory)
        m.submodules.mover = mover = MemoryMover(config=config)
        m.submodules.test = test = MemoryTest(config=config)
        m.submodules.array = array = unit(TernaryArray(config=config))
        m.submodules.code_memory = code_memory = CodeMemory(config=config)
        m.submodules.vector = vector = unit(VectorEngine(config=config))
        m.submodules.scalar = scalar = unit(ScalarUnit(config=config))
        m.submodules.sampler = sampler = unit(Sampler(config=config))

        # The host: link, registers, memory.
        connect(m, rx=flipped(self.rx), link=link.rx)
        connect(m, link=link.tx, tx=flipped(self.tx))
        connect(m, link=link.bus, decoder=decoder.bus)
        connect(m, link=link.memory, mux=burst_mux.link)
        for page, responder in {
                "identification": identification.bus, "run": control.bus, "counters": counters.bus,
                "link": link_status.bus, "queues": queue.bus, "positions": feed.bus,
                "counts": ring.counts, "sampler": sampler_port.settings,
                "candidates": sampler_port.candidates, "ring": ring.ring,
                "logits": sampler_port.logits, "memory_test": test.bus,
                "clock": flipped(self.clock)}.items():
            connect(m, decoder=getattr(decoder, page), page=responder)
        m.d.comb += [link_status.dropped.eq(link.dropped), test.running.eq(control.running)]

        # The memory: the tape to the reader, bursts to link and mover.
        for name in ("tape", "data"):
            connect(m, reader=getattr(reader, name), memory=flipped(getattr(self.memory, name)))
        for name in ("burst", "wdata", "rdata"):
            connect(m, mux=getattr(burst_mux.memory, name),
                    memory=flipped(getattr(self.memory, name)))
        m.d.comb += [
            self.memory.cancel.eq(reader.cancel),
            reader.idle.eq(self.memory.idle),
            burst_mux.memory.done.eq(self.memory.done),
        ]
        connect(m, mover=mover.memory, mux=burst_mux.mover)
        connect(m, test=test.memory, mux=burst_mux.test)

        # What lamps tell.
        m.d.comb += [
            self.state.eq(control.state),
            self.loading.eq(link.memory.wdata.valid),
        ]

        # A run.
        connect(m, control=control.reader, reader=reader.play)
        connect(m, control=control.play, sequencer=sequencer.play)
        connect(m, control=control.feed, feed=feed.command)
        m.d.comb += [
            reader.flush.eq(control.flush),
            control.flushed.eq(reader.flushed),
            control.fault.eq(sequencer.fault),
            control.position.eq(sequencer.position),
            control.mover_busy.eq(mover.busy),
            control.available.eq(feed.available),
            feed.mask.eq(control.feed_mask),
            feed.feedback.eq(control.feedback),
            feed.chained.eq(control.chained),
            feed.source.eq(control.source),
            queue.clear.eq(control.queue_clear | control.reset.replicate(config.slots)),
            sampler.clear.eq(control.sampler_begin),
        ]

        # Tokens.
        m.d.comb += [
            queue.slot.eq(feed.slot),
            queue.pop.eq(feed.pop),
            feed.filled.eq(queue.filled),
            feed.queued.eq(queue.token),
            sampler_port.feed_slot.eq(feed.slot),
            feed.sampled.eq(sampler_port.sampled),
            ring.slot.eq(feed.slot),
            ring.entry.eq(feed.entry),
            ring.en.eq(feed.en),
        ]

        # The tape's bytes.
        m.d.comb += [
            sequencer.available.eq(reader.available),
            sequencer.data.eq(reader.o_data),
            reader.take.eq(sequencer.take),
            array.coming.eq(reader.coming),
            array.data.eq(reader.o_data),
            sequencer.array_take.eq(array.take),
        ]

        # Commands, and what the units are doing.
        connect(m, sequencer=sequencer.array, array=array.command)
        connect(m, sequencer=sequencer.vector, vector=vector.command)
        connect(m, sequencer=sequencer.scalar, scalar=scalar.command)
        connect(m, sequencer=sequencer.mover, mover=mover.command)
        m.d.comb += [
            sequencer.array_busy.eq(array.busy),
            sequencer.array_starved.eq(array.starved),
            sequencer.vector_busy.eq(vector.busy),
            sequencer.mover_busy.eq(mover.busy),
            sequencer.scalar_busy.eq(~scalar.idle),
            sequencer.sampler_busy.eq(~sampler.idle),
            array.active.eq(control.active),
            vector.active.eq(control.active),
            scalar.active.eq(control.active),
            mover.active.eq(control.active),
            vector.fresh.eq(feed.fresh),
            vector.chained.eq(control.chained),
            vector.source.eq(control.source),
            feed.mover_slot.eq(mover.slot),
            mover.token.eq(feed.mover_token),
            mover.position.eq(feed.mover_position),
        ]

        # Data from unit to unit.
        connect(m, sequencer=sequencer.fill, vector=vector.fill)
        connect(m, array=array.codes, code_memory=code_memory.read)
        connect(m, vector=vector.codes, code_memory=code_memory.write)
        connect(m, array=array.sums, vector=vector.sums)
        connect(m, mover=mover.loads, vector=vector.loads)
        connect(m, vector=vector.stores, mover=mover.stores)
        connect(m, vector=vector.logits, sampler=sampler.logits)
        connect(m, vector=vector.statistic, scalar=scalar.statistic)
        m.d.comb += [
            scalar.scalar_slot.eq(vector.scalar_slot),
            scalar.scalar_reg.eq(vector.scalar_reg),
            vector.scalar_m.eq(scalar.scalar_m),
            vector.scalar_e.eq(scalar.scalar_e),
            vector.scalar_pending.eq(scalar.scalar_pending),
        ]

        # The sampler's settings and results.
        m.d.comb += [
            *(getattr(sampler, name).eq(getattr(sampler_port, name))
              for name in ("gumbel", "keep", "beta", "seed", "slot", "index")),
            *(getattr(sampler_port, name).eq(getattr(sampler, name))
              for name in ("token", "crc", "count", "candidate_row", "candidate_logit", "logit")),
            sampler.position.eq(feed.positions),
            sampler_port.idle.eq(sampler.idle),
        ]

        # Counters.
        token = Signal()
        m.d.sync += token.eq(control.token)
        events = {
            Counter.CYCLES: cycle_cause.cycle,
            **{Counter(Counter.CAUSE_HOST + n): bit for n, bit in enumerate(cycle_cause.causes)},
            Counter.MEMORY_BUSY: reader.memory_beat,
            Counter.ARRAY_BUSY: array.step,
            Counter.VECTOR_BUSY: vector.element,
            Counter.SCALAR_BUSY: ~scalar.idle,
            Counter.TOKENS: token,
            Counter.SATURATIONS: vector.saturated,
        }
        waiting, vector_waits = Signal(), Signal()
        # The sequencer says a clock late what it waits for: so do all others.
        m.d.sync += [
            cycle_cause.running.eq(control.running),
            # While the reader still runs ahead it is not for the host alone that a run waits.
            cycle_cause.host.eq(control.waiting & reader.ahead),
            waiting.eq(control.waiting),
            cycle_cause.array.eq(array.step),
            cycle_cause.vector.eq(vector.element),
            vector_waits.eq(vector.scalar_wait),
            cycle_cause.burst.eq(mover.busy),
            cycle_cause.drain.eq(array.busy | vector.busy | ~sampler.idle),
            cycle_cause.token.eq(control.between),
        ]
        m.d.comb += [
            cycle_cause.tape.eq(sequencer.starved | waiting),
            cycle_cause.scalar.eq(sequencer.scalar_wait | vector_waits),
            counters.events.eq(Cat(events[counter] for counter in Counter)),
        ]

        # For a picture.
        m.d.comb += [
            self.activity.memory.eq(reader.memory_beat),
            self.activity.array.eq(array.step),
            self.activity.drain.eq(array.sums.valid & array.sums.ready),
            self.activity.vector.eq(vector.element),
            self.activity.scalar.eq(~scalar.idle),
            self.activity.sampler.eq(~sampler.idle),
            self.activity.causes.eq(cycle_cause.causes),
            self.activity.position.eq(sequencer.position),
        ]

        return m
