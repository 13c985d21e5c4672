"""The register map: what the host reads and writes on the board, described once.

Addresses count 32-bit words in a space of 20 bits. A 64-bit counter is two registers: reading the
low word keeps the high word of the same moment for the read of the high one.
"""

import dataclasses
import enum
from dataclasses import dataclass

from .config import Config
from .protocol import MAGIC

__all__ = ["CANDIDATES", "CONFIG_FIELDS", "MAGIC", "MEMORY_TEST_BEATS", "MEMORY_TEST_ERRORS",
           "PAGES", "REGISTERS", "RING_ENTRIES", "SLOTS", "TOKEN_BITS", "Access", "Cause",
           "Counter", "Error", "MemoryTestMode", "Page", "Register", "RunFlags", "SampleMode",
           "State", "address", "describe_error"]

#: Most slots a machine may have: every register that exists once for each slot is there so often.
SLOTS = 16
#: Bits of a token: as many as the rows of a matrix have.
TOKEN_BITS = 18
#: Tokens that the ring of a slot keeps.
RING_ENTRIES = 1024
#: Candidates that the sampler keeps for a slot.
CANDIDATES = 64
#: The memory test's beats come in multiples of this.
MEMORY_TEST_BEATS = 1024
#: Where the memory test stops counting wrong beats.
MEMORY_TEST_ERRORS = 1 << 16


class Access(enum.Flag):
    """What a host may do with a register. What it may not reads as 0, or is dropped."""

    READ = 1
    WRITE = 2
    READ_WRITE = READ | WRITE


class State(enum.IntEnum):
    """What the machine is doing (STATUS)."""

    IDLE = 0
    RUNNING = 1
    #: A slot needs a token that the host has not queued; counted as host wait.
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
    #: START with RUN_BEATS zero or not whole bursts, with RUN_BASE not at a burst, or without any
    #: active slot.
    BAD_RUN = 3


class RunFlags(enum.IntFlag):
    """How a run treats tokens (RUN_FLAGS)."""

    #: Each play is one token: it takes an input token for every active slot and ends with a
    #: sampled one. Without it (load and save tapes) queue, ring and positions stay as they are.
    TOKENS = 1
    #: Where a slot's queue is empty its last sampled token is the input. Else the host is waited
    #: for.
    FEEDBACK = 2


class SampleMode(enum.IntEnum):
    """How the board itself picks a token from the logits (SAMPLE_MODE)."""

    #: The largest logit; of equal ones the lowest row.
    ARGMAX = 0
    #: The largest of logit * BETA + noise: a sample at temperature 1 / BETA.
    GUMBEL = 1


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


@dataclass(frozen=True)
class Register:
    """One register, or an array of them in row-major order.

    ``dims`` are the sizes of the array's dimensions, slowest first; empty for a single register.
    """

    name: str
    address: int
    access: Access
    doc: str
    dims: tuple[int, ...] = ()
    enum: type | None = None

    @property
    def words(self):
        """Number of words."""
        words = 1
        for size in self.dims:
            words *= size
        return words

    def at(self, *index):
        """Return the word address of one element; IndexError where it does not exist."""
        if len(index) != len(self.dims):
            raise IndexError(f"Register {self.name} has {len(self.dims)} indices, "
                             f"not {len(index)}")
        offset = 0
        for value, size in zip(index, self.dims):
            if not 0 <= value < size:
                raise IndexError(f"Index of register {self.name} must be 0 to {size - 1}, "
                                 f"not {value}")
            offset = offset * size + value
        return self.address + offset


@dataclass(frozen=True)
class Page:
    """A range of addresses that one part of the gateware answers: ``size`` is a power of two."""

    name: str
    address: int
    size: int
    doc: str


#: The address ranges, by the part of the gateware that answers them.
PAGES = {page.name: page for page in (
    Page("identification", 0x00000, 0x40, "Which machine this is."),
    Page("run", 0x00040, 0x40, "The run: what is played, how, and how it goes."),
    Page("counters", 0x00080, 0x40, "Performance counters, 64 bits each: low word, high word."),
    Page("link", 0x000C0, 0x40, "Errors seen on the link."),
    Page("queues", 0x00100, 0x10, "Token queues, one a slot."),
    Page("positions", 0x00110, 0x10, "Positions, one a slot."),
    Page("counts", 0x00120, 0x10, "How many tokens went to each slot's ring."),
    Page("sampler", 0x00140, 0x40, "The sampler's settings and checksums."),
    Page("memory_test", 0x00180, 0x8,
         "A pattern written to memory and read back at full speed. A bit of it is the exclusive or "
         "of those 31 and 28 places before it, and the seed is its first 31 bits; a beat takes "
         "as many of them as it has, lowest first."),
    Page("clock", 0x00188, 0x4,
         "Phase of the memory's clock. It lags the machine's clock by PHASE_BUILT + PHASE of the "
         "PHASE_STEPS parts of its period."),
    Page("candidates", 0x01000, 0x800, "The best rows of the last token."),
    Page("ring", 0x10000, 0x8000, "The tokens sampled last."),
    Page("logits", 0x80000, 0x80000, "All logits of the last token."),
)}

#: Configuration fields that the board tells, in the order of their registers.
CONFIG_FIELDS = tuple(field.name for field in dataclasses.fields(Config) if field.name != "name")

_CONFIG_DOCS = {
    "lanes": "Rows the array works on at once.",
    "slots": "Independent activations that share each weight read.",
    "vector_lanes": "Elements the vector engine works on at once.",
    "memory_bytes": "Bytes of a memory beat.",
    "burst_beats": "Beats of a burst.",
    "memory_size": "Bytes of tape memory.",
    "fifo_bytes": "Bytes of tape that the reader may run ahead.",
    "vector_words": "Elements of the vector memory, per slot.",
    "constant_words": "Elements of the constant memory.",
    "state_words": "Elements of the state memory, per slot.",
    "code_words": "Elements of the code memory, per slot.",
    "max_cols": "Largest number of columns of a matrix.",
    "logit_words": "Logits that the host can read, per slot.",
    "token_queue": "Tokens the host may queue ahead, per slot.",
    "clock_hz": "Clock in Hz, as the gateware was built for.",
}

_COUNTER_DOCS = {
    Counter.CYCLES: "Cycles in which a run was under way, host wait included.",
    Counter.CAUSE_HOST: "Cycles that waited for the host's token, the FIFO full: nothing else was "
                        "left to do.",
    Counter.CAUSE_TAPE: "Cycles in which a unit wanted bytes of the tape that had not come yet, or "
                        "the host's token was waited for and the FIFO still filled.",
    Counter.CAUSE_ARRAY: "Cycles in which the array worked on a column of weights.",
    Counter.CAUSE_VECTOR: "Cycles in which the vector engine began an element, and the array did "
                          "not work.",
    Counter.CAUSE_SCALAR: "Cycles that waited for a scalar.",
    Counter.CAUSE_BURST: "Cycles in which LOAD or STORE waited for the memory.",
    Counter.CAUSE_DRAIN: "Cycles in which sums were drained, or results were on their way.",
    Counter.CAUSE_TOKEN: "Cycles between two plays.",
    Counter.CAUSE_ISSUE: "Cycles in which instructions were read, decoded and issued.",
    Counter.MEMORY_BUSY: "Cycles in which the memory delivered a beat of the tape.",
    Counter.ARRAY_BUSY: "Cycles in which the array worked on a column of weights.",
    Counter.VECTOR_BUSY: "Cycles in which the vector engine began elements.",
    Counter.SCALAR_BUSY: "Cycles in which the scalar unit computed.",
    Counter.TOKENS: "Plays of a token tape.",
    Counter.SATURATIONS: "Results that met an end of int32.",
}


def _identification():
    base = PAGES["identification"].address
    yield Register("MAGIC", base, Access.READ, "The bytes `TRNE`.")
    yield Register("VERSION", base + 1, Access.READ,
                   "Version of gateware and registers (`GATEWARE_VERSION`).")
    yield Register("CONFIG_DIGEST", base + 2, Access.READ,
                   "Digest of the configuration (`Config.digest`).")
    for n, name in enumerate(CONFIG_FIELDS):
        yield Register(f"CONFIG_{name.upper()}", base + 4 + n, Access.READ, _CONFIG_DOCS[name])


def _run():
    base = PAGES["run"].address
    for n, (name, access, enumeration, doc) in enumerate((
            ("STATUS", Access.READ, State, "What the machine is doing."),
            ("ERROR", Access.READ, Error, "Why the run ended early."),
            ("ERROR_POSITION", Access.READ, None,
             "First byte of the instruction at fault, counted from the start of the tape."),
            ("ERROR_WORD", Access.READ, None, "First word of the instruction at fault."),
            ("START", Access.WRITE, None, "Any write starts a run. Dropped unless IDLE."),
            ("STOP", Access.WRITE, None,
             "Any write ends the run behind the play under way; one that waits for a token ends "
             "at once."),
            ("RESET", Access.WRITE, None,
             "Any write breaks the run off, empties the token queues and leads back to IDLE. "
             "Memory, positions, vector and state memories stay as they are (those of a play "
             "under way half done)."),
            ("RUN_BASE", Access.READ_WRITE, None,
             "First beat of the tape, a multiple of a burst."),
            ("RUN_BEATS", Access.READ_WRITE, None, "Beats of the tape, a multiple of a burst."),
            ("RUN_COUNT", Access.READ_WRITE, None, "Plays; 0 until STOP."),
            ("RUN_ACTIVE", Access.READ_WRITE, None, "Slots that take part, one bit each."),
            ("RUN_RESET", Access.READ_WRITE, None,
             "Slots whose position is set to 0 at START, and whose sampled token is forgotten, "
             "one bit each."),
            ("RUN_FLAGS", Access.READ_WRITE, RunFlags, "How the run treats tokens."),
            ("PLAYS", Access.READ, None, "Plays that the run has finished."),
            ("TAPE_POSITION", Access.READ, None,
             "Bytes of the tape taken in the play under way."))):
        yield Register(name, base + n, access, doc, (), enumeration)


def _counters():
    base = PAGES["counters"].address
    for counter in Counter:
        yield Register(counter.name, base + 2 * counter, Access.READ, _COUNTER_DOCS[counter],
                       (2,))


def _link():
    base = PAGES["link"].address
    yield Register("LINK_DROPPED", base, Access.READ,
                   "Frames dropped for a wrong CRC or form; stops at 65535.")


def _tokens():
    slots = (SLOTS,)
    yield Register("TOKEN_QUEUE", PAGES["queues"].address, Access.READ_WRITE,
                   "A write queues a token (dropped when the queue is full); a read tells how "
                   "many are queued.", slots)
    yield Register("POSITION", PAGES["positions"].address, Access.READ_WRITE,
                   "Tokens the slot's state has seen. Write it only while IDLE.", slots)
    yield Register("TOKEN_COUNT", PAGES["counts"].address, Access.READ,
                   "Tokens written to the slot's ring since power-up, modulo 2^32. The newest is "
                   f"at (TOKEN_COUNT - 1) mod {RING_ENTRIES}.", slots)


def _sampler():
    base = PAGES["sampler"].address
    slots = (SLOTS,)
    yield Register("SAMPLE_MODE", base, Access.READ_WRITE, "How tokens are picked.", (), SampleMode)
    yield Register("BETA", base + 1, Access.READ_WRITE,
                   "GUMBEL: inverse temperature, 16 bits with 8 fraction bits.")
    yield Register("SEED", base + 0x10, Access.READ_WRITE, "GUMBEL: seed of the noise.", slots)
    yield Register("CRC", base + 0x20, Access.READ,
                   "CRC-32 over every logit of the token under way or last finished (int32, "
                   "little-endian, in the order of the rows).", slots)
    yield Register("CANDIDATE_COUNT", base + 0x30, Access.READ,
                   "Candidates kept: 64, or the number of rows where it is smaller.", slots)
    yield Register("CANDIDATES", PAGES["candidates"].address, Access.READ,
                   "The rows with the largest logits, in no certain order: row, logit (signed). "
                   "Read while no play is under way.", (SLOTS, CANDIDATES, 2))
    yield Register("RING", PAGES["ring"].address, Access.READ,
                   "Ring of sampled tokens: token, CRC (see CRC).", (SLOTS, RING_ENTRIES, 2))
    yield Register("LOGITS", PAGES["logits"].address, Access.READ,
                   "Logits (signed) of the last token, by row; read while no play is under way. "
                   "Rows from CONFIG_LOGIT_WORDS on are not kept.",
                   (SLOTS, PAGES["logits"].size // SLOTS))


def _memory_test():
    base = PAGES["memory_test"].address
    whole = f"a multiple of {MEMORY_TEST_BEATS}"
    for n, (name, access, enumeration, doc) in enumerate((
            ("BUSY", Access.READ, None, "1 while a test is under way."),
            ("ERRORS", Access.READ, None,
             f"Beats that differed from the pattern; stops at {MEMORY_TEST_ERRORS}."),
            ("FIRST", Access.READ, None, "Address of the first of them, in beats."),
            ("BITS", Access.READ, None,
             "Data lines that were wrong in any of them, modulo 32, one bit each."),
            ("START", Access.WRITE, MemoryTestMode,
             "A write begins a test, which destroys what memory holds. Dropped while a run or a "
             "test is under way. The other registers are written only between tests."),
            ("BASE", Access.WRITE, None, f"First beat, {whole}."),
            ("END", Access.WRITE, None,
             f"Beat behind the last one, {whole}, modulo the memory's beats; where it equals BASE, "
             "all of memory is tested."),
            ("SEED", Access.WRITE, None, "Seed of the pattern, 31 bits; 0 gives only zeros."))):
        yield Register(f"MEMORY_TEST_{name}", base + n, access, doc, (), enumeration)


def _clock():
    base = PAGES["clock"].address
    for n, (name, access, doc) in enumerate((
            ("PHASE_STEPS", Access.READ, "Steps of a period; 0 where the board cannot shift."),
            ("PHASE_BUILT", Access.READ, "Steps of the phase that the gateware was built with."),
            ("PHASE_TARGET", Access.READ_WRITE,
             "Steps later than built, below PHASE_STEPS. A write shifts the clock there and then "
             "initialises the memory anew; what it holds may be lost. A reset changes nothing."),
            ("PHASE", Access.READ,
             "Steps later than built, at present: there is PHASE_TARGET, it is done."))):
        yield Register(name, base + n, access, doc)


_ALL = [*_identification(), *_run(), *_counters(), *_link(), *_tokens(), *_sampler(),
        *_memory_test(), *_clock()]

#: All registers by name.
REGISTERS = {register.name: register for register in _ALL}


def address(name, *index):
    """Return the word address of the register called ``name``, or of an element of it."""
    return REGISTERS[name].at(*index)


def describe_error(code, position, word):
    """Return the sentence that explains the registers ERROR, ERROR_POSITION and ERROR_WORD."""
    if code == Error.UNDEFINED_OPCODE:
        return (f"The board met the undefined opcode {word & 63} at byte {position} of the tape; "
                "upload the image again, compiled for this board")
    if code == Error.TAPE_ENDED:
        return (f"The tape ended inside the instruction at byte {position}; upload the image "
                "again, compiled for this board")
    if code == Error.BAD_RUN:
        return ("The board refused the run: the tape must be whole bursts in memory, and at "
                "least one slot active")
    return f"The board reports the unknown error {code} at byte {position} of the tape"
