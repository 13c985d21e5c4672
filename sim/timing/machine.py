"""The machine: instruction after instruction, as the sequencer issues them."""

from trine.firmware.isa import INSTRUCTIONS, STAT_KEPT, Opcode, Target
from trine.firmware.registers import Cause, SampleMode
from trine.hw.result_queue import ResultQueue
from trine.hw.scalar_unit import ScalarUnit
from trine.hw.ternary_array import TernaryArray
from trine.hw.token_feed import TokenFeed
from trine.hw.vector_engine import VectorEngine
from trine.hw.vector_pipeline import VectorPipeline

from .array import tiles
from .mover import move
from .sampler import SamplerTimeline
from .scalar import ScalarTimeline
from .vector import beats_of, end_of, filled, issue_counted, load_scalars, statistic_latency

__all__ = ["Machine"]

#: Clocks from a command to the first answer that its scalar is pending.
_ASKED = 1 + ScalarUnit.read_latency
_SCALAR = range(Opcode.SCALAR_SET, Opcode.SCALAR_ADD_CONSTANT + 1)


class Machine:
    """Plays a tape of instructions; :meth:`play` returns the clock in which the play has ended.

    Parameters
    ----------
    config : :class:`Config`
    tape : :class:`.tape.Tape`
    causes : :class:`.causes.CauseTimeline`
    values : see :mod:`.values`
    active : list of bool, for each slot
    chained : whether each slot goes on from the state of the one before
    sampling : :class:`SampleMode` of all slots
    """

    def __init__(self, config, tape, causes, values, active, *, chained=False,
                 sampling=SampleMode.ARGMAX):
        self.config = config
        self.tape = tape
        self.causes = causes
        self.values = values
        self.active = active
        self.slots = [n for n, on in enumerate(active) if on]
        self.scalars = ScalarTimeline()
        self.chained = chained
        self.sampler = SamplerTimeline(config, len(self.slots), sampling)
        self._idle = 0          # array, vector engine and mover are idle
        self._under_way = None  # what finds that clock
        self._writes = ()   # scalar registers: the statistic's and the operand of what is under way

    def play(self, begin, code, play):
        """Play ``code``, the first word taken from ``begin`` on.

        play : number of the play; returns the clock in which END lets go
        """
        self._play, self._index = play, -1
        self.causes.add(Cause.DRAIN, begin, begin + self.sampler.clear())
        start = self.tape.position
        clock = begin
        for instruction in code:
            opcode = instruction.opcode
            if opcode != Opcode.FILL:
                self._index += 1
            dispatched = self._fetch(clock, INSTRUCTIONS[opcode].words)
            if opcode == Opcode.END:
                return self._end(dispatched, self.tape.position - start)
            if opcode in _SCALAR:
                clock = self._scalar(dispatched, instruction)
                continue
            issued = max(dispatched, self._free + 1)
            if opcode in _WITH_PAYLOAD:
                clock = _WITH_PAYLOAD[opcode](self, issued, instruction)
                self.causes.add(Cause.DRAIN, issued + 1, self._idle)
            else:
                self._under_way = (_OTHERS.get(opcode, Machine._vector), issued, instruction,
                                   self._index)
                clock = issued + 1
            self._writes = instruction.fields.get("stat", 0), self._operand(instruction)
        raise ValueError("The tape has no END")

    @property
    def _free(self):
        """Clock from which on array, vector engine and mover are idle.

        Found only when somebody waits for it: a scalar instruction that is issued meanwhile may
        take the scalar unit's read port from the vector engine.
        """
        if self._under_way:
            carry_out, issued, instruction, index = self._under_way
            self._under_way = None
            later, self._index = self._index, index
            carry_out(self, issued, instruction)
            self._index = later
            self.causes.add(Cause.DRAIN, issued + 1, self._idle)
        return self._idle

    @staticmethod
    def _operand(instruction):
        scaled = instruction.opcode in (Opcode.MATVEC, Opcode.SCALE, Opcode.QUANTIZE)
        return instruction.fields["operand"] if scaled else 0

    def _fetch(self, clock, words):
        """Fetch an instruction from ``clock`` on; return the clock of its dispatch."""
        taken = self._take(clock, 4)
        if words > 1:
            # Decode, and the rest, a word a clock.
            for n in range(words - 1):
                taken = self._take(taken + (2 if n == 0 else 1), 4)
        return taken + 2

    def _take(self, clock, count):
        taken = self.tape.take(clock, count)
        if taken > clock:
            self.causes.add(Cause.TAPE, max(clock, self._free), taken)
        return taken

    def _scalar(self, dispatched, instruction):
        fields, opcode = instruction.fields, instruction.opcode
        stat, operand = self._writes or (0, 0)
        clock = dispatched
        if stat or (operand and operand == fields["dst"]):
            clock = max(clock, self._free + 1)
        issued = self.scalars.accepts(clock)
        if issued > clock:
            self.causes.add(Cause.SCALAR, max(clock, self._free), issued)
        self.scalars.put(issued, opcode, fields["dst"], [
            self.values.scalar(self._play, self._index, slot, instruction) if on else None
            for slot, on in enumerate(self.active)])
        return issued + 1

    def _finish(self, result, instruction, left=None):
        """Find when the engine is free whose last result comes in clock ``result``."""
        gathered, stat = None, instruction.fields.get("stat", 0)
        if stat == STAT_KEPT and self.config.keeps_statistics:
            gathered = result + statistic_latency(self.config.vector_lanes) - 1
        elif stat:
            offered = result + statistic_latency(self.config.vector_lanes)
            clocks = [self.values.statistic(self._play, self._index, slot, instruction)
                      for slot in self.slots]
            gathered = self.scalars.statistic(offered, stat, clocks)
            self.causes.add(Cause.SCALAR, offered, gathered)
        self._idle = end_of(result, gathered=gathered, left=left)

    def _results(self, first, beats):
        """Count ``beats`` in a row from ``first`` on, even those of loads, which are slower."""
        first += VectorEngine.latency
        self.causes.add(Cause.VECTOR, first, first + beats)

    def _loaded(self, taken, instruction):
        register = self._operand(instruction)
        if instruction.opcode not in (Opcode.MATVEC, Opcode.SCALE, Opcode.QUANTIZE):
            return [0] * len(self.slots)
        return load_scalars(self.scalars, register, taken, len(self.slots))

    def _vector(self, issued, instruction):
        fields = instruction.fields
        loaded = self._loaded(issued, instruction)
        # A slot of a chain waits until the state of the one before is written.
        settling = (VectorPipeline.latency + 1 if self.chained
                    and instruction.opcode == Opcode.INTERPOLATE else 0)
        spans = issue_counted(issued, beats_of(fields["length"], self.config.vector_lanes), loaded,
                              settling)
        for first, last in spans:
            self._results(first, last + 1 - first)
        if loaded[-1]:
            self.causes.add(Cause.SCALAR, issued + _ASKED, loaded[0] - 1)
        self._finish(spans[-1][1] + VectorEngine.latency, instruction)

    def _matvec(self, issued, instruction):
        fields = instruction.fields
        scalars = self._loaded(issued, instruction)
        self.causes.add(Cause.SCALAR, issued + _ASKED, scalars[0] - 1)
        loaded = scalars[-1]
        logits = fields["target"] == Target.LOGITS
        free, left = loaded, None

        def take(offered, beats, count):
            nonlocal free, left
            first = max(offered, free)
            last = first + beats - 1
            if logits:
                first, last, left = self.sampler.take(
                    first, beats, count, VectorEngine.latency + ResultQueue.latency
                    + (self.config.vector_lanes > 1))
            free = last + 1
            return first, last

        steps = TernaryArray.steps(self.config, fields["cols"])
        for tile in tiles(self.config, self.tape, taken=issued, rows=fields["rows"],
                          cols=fields["cols"], slots=len(self.slots), take=take):
            self.causes.add(Cause.ARRAY, tile.first_step, tile.last_step + 1)
            self.causes.array_starved += tile.last_step + 1 - tile.first_step - steps
            self._results(tile.first_sum, tile.beats)
        self._finish(tile.last_sum + VectorEngine.latency, instruction, left)
        # The sequencer goes on when the array is idle: when its last sum is taken, or earlier.
        return max(tile.last_sum, tile.change + 1) + 2

    def _fill(self, issued, instruction):
        first = issued + VectorEngine.begin_latency
        last = self.tape.steps(first, 2, instruction.fields["length"], interval=2)
        self._idle = filled(last)
        return last + 1

    def _move(self, issued, instruction, write):
        slots = [(self.values.token(self._play, slot), self._play) if on else None
                 for slot, on in enumerate(self.active)]
        last, idle = move(self.config, self.tape, issued, instruction.fields, slots, write=write)
        self.causes.add(Cause.BURST, issued + 1, idle)
        return last, idle

    def _load(self, issued, instruction):
        last, _ = self._move(issued, instruction, write=False)
        elements = instruction.fields["length"] * len(self.slots)
        self._results(last + 1 - elements, elements // self.config.vector_lanes)
        self._finish(last + VectorEngine.latency, instruction)

    def _store(self, issued, instruction):
        last, idle = self._move(issued, instruction, write=True)
        first = issued + VectorEngine.begin_latency
        self._results(first, beats_of(instruction.fields["length"], self.config.vector_lanes)
                      * len(self.slots))
        self._finish(last, instruction, left=last)
        self._idle = max(self._idle, idle)

    def _end(self, dispatched, taken):
        """Drop the padding behind END and await the units; return the clock of the last one."""
        clock = dispatched + 1
        padding = -taken % self.config.burst_bytes
        if padding:
            pieces = ([padding % 4] if padding % 4 else []) + [4] * (padding // 4)
            for piece in pieces:
                # The position is two clocks late, so there is one piece in two clocks.
                clock = self._take(clock, piece) + 2
        # Await-Units, once the position says it is over.
        clock += 1
        idle = max(self._free, self.scalars.idle, self.sampler.idle)
        ended = max(clock, idle + 2)
        self.causes.add(Cause.SCALAR, max(clock, self._free), self.scalars.idle)
        self.causes.add(Cause.DRAIN, clock, self.sampler.idle)
        return ended


_WITH_PAYLOAD = {Opcode.MATVEC: Machine._matvec, Opcode.FILL: Machine._fill}
_OTHERS = {Opcode.LOAD: Machine._load, Opcode.STORE: Machine._store}


def feed_time(slots):
    """Return the clocks of one command of the token feed."""
    return 2 + slots * (TokenFeed.delay + 1)
