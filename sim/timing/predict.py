"""Predict the cycles of a run from a tape's instructions."""

from dataclasses import dataclass
from itertools import pairwise

from trine.firmware.assembler import disassemble, tape_bytes
from trine.firmware.registers import Cause, SampleMode

from .causes import CauseTimeline
from .machine import Machine, feed_time
from .memory import memory_of
from .tape import Tape
from .values import UsualValues

__all__ = ["Prediction", "predict", "token_code"]


@dataclass(frozen=True)
class Prediction:
    """Cycles of a run.

    plays : cycles of each play, from one accepted token to the next; the first one has the start
    of the run in it; causes : cycles of all plays by :class:`Cause`
    """

    plays: list
    causes: dict

    @property
    def cycles(self):
        """Cycles of the whole run, as the counter CYCLES counts them."""
        return sum(self.plays)

    @property
    def cycles_per_token(self):
        """Mean over the run, as :class:`trine.host.board.Counters` has it."""
        return self.cycles / len(self.plays)


def token_code(image, config, name="token"):
    """Return the instructions of one of an image's tapes."""
    tape = image.tapes[name]
    start = tape.base * config.memory_bytes
    return disassemble(image.data[start:start + tape.size], config.lanes)


def predict(config, code, *, plays=1, base=0, active=None, chained=False,
            sampling=SampleMode.ARGMAX, memory=None, values=None):
    """Return the :class:`Prediction` of a run that plays a token tape again and again.

    Parameters
    ----------
    config : :class:`Config`
    code : list of :class:`Instruction`; payloads are not looked at, and may be missing
    plays : number of plays
    base : beat address of the tape
    active : slots that take part, all where it is None
    chained : active slots are consecutive positions of one text
    sampling : :class:`SampleMode` of all slots
    memory : of :mod:`.memory`, that of the simulated board where it is None
    values : of :mod:`.values`: how long scalars take, which tokens come
    """
    active = [True] * config.slots if active is None else active
    bursts = -(-tape_bytes(code, config.lanes) // config.burst_bytes)
    feed = feed_time(config.slots)
    causes = CauseTimeline(1)
    # Clock 0 takes START. Reset, Start-Reader; the reader adds up the plays, and asks the memory.
    clock = 1 + feed
    tape = Tape(config, memory or memory_of(config), base=base // config.burst_beats,
                bursts=bursts, start=clock + 2)
    machine = Machine(config, tape, causes, values or UsualValues(), active, chained=chained,
                      sampling=sampling)
    clock += 1
    ends, between = [0], 1
    for play in range(plays):
        # Await-Tokens, Take-Tokens; the sequencer takes the play, and begins to fetch.
        clock += 1 + feed
        causes.add(Cause.TOKEN, between, clock)
        ended = machine.play(clock + 1, code, play)
        # Hand-On, Count.
        between = ended + 1
        clock = between + feed + 1
        ends.append(clock - 1)
    causes.add(Cause.TOKEN, between, clock)
    return Prediction([after - before for before, after in pairwise(ends)],
                      causes.count(clock))
