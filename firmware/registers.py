"""The register map: what the host reads and writes on the board, described once.

Addresses count 32-bit words in a space of 20 bits. A 64-bit counter is two registers: reading the
low word keeps the high word of the same moment for the read of the high one.
"""

import dataclasses
import enum
from dataclasses import dataclass

from .config import Config
from .protocol import MAGIC
from .register_values import (
    Cause,
    Counter,
    Error,
    MemoryTestMode,
    RunFlags,
    SampleMode,
    State,
    describe_error,
)

__all__ = ["CANDIDATES", "CONFIG_FIELDS", "MAGIC", "MEMORY_TEST_BEATS", "MEMORY_TEST_ERRORS",
           "PAGES", "REGISTERS", "RING_ENTRIES", "SLOTS", "TOKEN_BITS", "Access", "Cause",
           "Counter", "Error", "MemoryTestMode", "Page", "Register", "RunFlags", "SampleMode",
           "State", "address", "describe_error"]

#: Most slots a machine may have: every register that exists once for each slot is there so often.
SLOTS = 16
#: Bits of a token: as many as the rows of a matrix have.
TOKEN_BITS = 18
#: Places of a slot's ring. Where there are several slots fewer are kept (Config.ring_entries), and
#: the places repeat.
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
    Page("memory_test", 0x00180, 0x8,
         "A pattern written to memory and read back at full speed. A bit of it is the exclusive or "
         "of those 31 and 28 places before it, and the seed is its first 31 bits; a beat takes "
         "as many of them as it has, lowest first."),
    Page("clock", 0x00188, 0x4,
         "Phase of the memory's clock. It lags the machine's clock by PHASE_BUILT + PHASE of the "
         "PHASE_STEPS parts of its period."),
    Page("sampler", 0x00200, 0x80,
         "The sampler's settings and checksums. A slot's settings are written while it takes no "
         "part in a play."),
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
            ("RUN_FLAGS", Access.READ_WRITE, RunFlags, "How the run treats tokens."),
            ("RUN_RESET", Access.READ_WRITE, None,
             "Slots that begin a new text, one bit each: at START, or at the next token boundary, "
             "their position is set to 0 and their sampled token forgotten; then their bits read "
             "0. During a run a write adds slots."),
            ("RUN_SOURCE", Access.READ_WRITE, None,
             "CHAIN: slot whose position and state the lowest slot of a play goes on from."),
            ("RUN_FEEDBACK", Access.READ_WRITE, None,
             "Slots whose last sampled token is their input where their queue is empty, one bit "
             "each. Without effect where CHAIN is set."),
            ("RUN_ACTIVE", Access.READ_WRITE, None, "Slots that are to take part, one bit each."),
            ("PLAY_ACTIVE", Access.READ, None,
             "Slots that take part in the play under way, one bit each; 0 while IDLE."),
            ("PLAYS", Access.READ, None, "Plays that the run has finished."),
            ("TAPE_POSITION", Access.READ, None,
             "Bytes of the tape taken in the play under way."),
            ("QUEUE_CLEAR", Access.WRITE, None,
             "A write empties the token queues of these slots, one bit each. Only for slots that "
             "take no part."))):
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
                   "Tokens the slot's state has seen. Write it while the slot takes no part.",
                   slots)
    yield Register("TOKEN_COUNT", PAGES["counts"].address, Access.READ,
                   "Tokens written to the slot's ring since power-up, modulo 2^32. The newest is "
                   f"at (TOKEN_COUNT - 1) mod {RING_ENTRIES}. Kept are the last {RING_ENTRIES}, or "
                   "256 where there are several slots.", slots)


def _sampler():
    base = PAGES["sampler"].address
    slots = (SLOTS,)
    for n, (name, access, enumeration, doc) in enumerate((
            ("SAMPLE_MODE", Access.READ_WRITE, SampleMode,
             "How tokens are picked, and what is kept: 0 for the largest logit alone."),
            ("BETA", Access.READ_WRITE, None,
             "GUMBEL: inverse temperature, 16 bits with 8 fraction bits."),
            ("SEED", Access.READ_WRITE, None, "GUMBEL: seed of the noise."),
            ("CRC", Access.READ, None,
             "CRC-32 over every logit of the slot's token under way or last finished (int32, "
             "little-endian, in the order of the rows)."),
            ("CANDIDATE_COUNT", Access.READ, None,
             "Candidates kept: 64, or the number of rows where it is smaller; 0 without "
             "SAMPLE_MODE's CANDIDATES."))):
        yield Register(name, base + SLOTS * n, access, doc, slots, enumeration)
    yield Register("CANDIDATES", PAGES["candidates"].address, Access.READ,
                   "The rows with the largest logits, in no certain order: row, logit (signed). "
                   "Read while the slot takes no part in a play.", (SLOTS, CANDIDATES, 2))
    yield Register("RING", PAGES["ring"].address, Access.READ,
                   "Ring of sampled tokens: token, CRC (see CRC).", (SLOTS, RING_ENTRIES, 2))
    yield Register("LOGITS", PAGES["logits"].address, Access.READ,
                   "Logits (signed) of the last token, by row; read while the slot takes no part. "
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
