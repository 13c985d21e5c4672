"""What the values of registers mean: states, errors, flags, counters."""

import enum

__all__ = ["Cause", "Counter", "Error", "MemoryTestMode", "RunFlags", "SampleMode", "State",
           "describe_error"]


class State(enum.IntEnum):
    """What the machine is doing (STATUS)."""

    IDLE = 0
    RUNNING = 1
    #: No slot is active, or none has a token that the host has queued; counted as host wait.
    WAITING = 2
    #: The run ended in an error: see ERROR. RESET leads back to IDLE.
    ERROR = 3


class Error(enum.IntEnum):
    """Why a run ended early (ERROR)."""

    NONE = 0
    #: The opcode in ERROR_WORD is not defined or not implemented.
    UNDEFINED_OPCODE = 1
    #: The tape ended inside an instruction, or without END.
    TAPE_ENDED = 2
    #: START with RUN_BEATS zero or not whole bursts, or with RUN_BASE not at a burst.
    BAD_RUN = 3


class RunFlags(enum.IntFlag):
    """How a run treats tokens (RUN_FLAGS)."""

    #: Each play is one token: it takes an input token for every slot that takes part and ends with
    #: a sampled one. Without it (load and save tapes) queue, ring and positions stay as they are.
    TOKENS = 1
    #: The slots that take part are consecutive positions of one text; see RUN_SOURCE.
    CHAIN = 2
    #: A play waits until each slot of RUN_ACTIVE has an input token; implied by CHAIN. Without it
    #: those that have one go on alone.
    TOGETHER = 4


class SampleMode(enum.IntFlag):
    """How the board picks a slot's token from the logits, and what it keeps (SAMPLE_MODE)."""

    #: The largest logit; of equal ones the lowest row.
    ARGMAX = 0
    #: The largest of logit * BETA + noise: a sample at temperature 1 / BETA.
    GUMBEL = 1
    #: The best rows are kept for the host (CANDIDATES), which takes nine clocks a row.
    CANDIDATES = 2


class MemoryTestMode(enum.IntFlag):
    """What the memory test does (MEMORY_TEST_START): one pass, or one after the other."""

    #: Write the pattern.
    WRITE = 1
    #: Read, and compare with the pattern.
    READ = 2
    #: Every bit of the pattern is inverted.
    INVERT = 4


class Cause(enum.IntEnum):
    """What a cycle of a run was spent on: every cycle counts for exactly one of these."""

    #: The slots' input tokens were waited for.
    HOST = 0
    #: A unit wanted bytes of the tape that had not come yet.
    TAPE = 1
    #: The array worked on a column of weights.
    ARRAY = 2
    #: The vector engine began an element (and the array did not work).
    VECTOR = 3
    #: A scalar that was still computed was waited for.
    SCALAR = 4
    #: LOAD or STORE waited for the memory.
    BURST = 5
    #: Sums were drained, or results were on their way to the memories and the sampler.
    DRAIN = 6
    #: Between two plays: the units finish, the token is handed on, the next one is begun.
    TOKEN = 7
    #: Instructions were read, decoded and issued.
    ISSUE = 8


class Counter(enum.IntEnum):
    """The counters, by their number. They count from power-up on: take differences."""

    #: Cycles in which a run was under way, host wait included.
    CYCLES = 0
    #: Cycles by cause; these nine add up to CYCLES.
    CAUSE_HOST = 1
    CAUSE_TAPE = 2
    CAUSE_ARRAY = 3
    CAUSE_VECTOR = 4
    CAUSE_SCALAR = 5
    CAUSE_BURST = 6
    CAUSE_DRAIN = 7
    CAUSE_TOKEN = 8
    CAUSE_ISSUE = 9
    #: Cycles in which the memory delivered a beat of the tape.
    MEMORY_BUSY = 10
    #: Cycles in which the array worked on a column of weights.
    ARRAY_BUSY = 11
    #: Cycles in which the vector engine began elements.
    VECTOR_BUSY = 12
    #: Cycles in which the scalar unit computed.
    SCALAR_BUSY = 13
    #: Plays of a token tape.
    TOKENS = 14
    #: Results of the vector engine that met an end of int32.
    SATURATIONS = 15


def describe_error(code, position, word):
    """Return the sentence that explains the registers ERROR, ERROR_POSITION and ERROR_WORD."""
    if code == Error.UNDEFINED_OPCODE:
        return (f"The board met the undefined opcode {word & 63} at byte {position} of the tape; "
                "upload the image again, compiled for this board")
    if code == Error.TAPE_ENDED:
        return (f"The tape ended inside the instruction at byte {position}; upload the image "
                "again, compiled for this board")
    if code == Error.BAD_RUN:
        return "The board refused the run: the tape must be whole bursts in memory"
    return f"The board reports the unknown error {code} at byte {position} of the tape"
