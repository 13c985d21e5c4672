"""The Board: one driver for every device behind a link."""

import time
import zlib
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import numpy as np

from trine.firmware.config import Config
from trine.firmware.protocol import GATEWARE_VERSION
from trine.firmware.registers import (
    CANDIDATES,
    CONFIG_FIELDS,
    MAGIC,
    RING_ENTRIES,
    Counter,
    RunFlags,
    SampleMode,
    State,
    address,
    describe_error,
)

from .connection import Connection
from .links import DeviceError

__all__ = ["Board", "BoardError", "Counters", "beta_of"]

#: Bytes of memory whose CRC the board is asked for at once.
_CRC_PIECE = 65536

#: Seconds between two questions about the board's state.
_PAUSE = 1e-4

#: Seconds of the board's time that a run may stand at one byte of its tape; a token takes less.
_STANDSTILL = 2.0


class BoardError(DeviceError):
    """The board is not what it should be, or fails; the message is one sentence for people."""


def beta_of(temperature):
    """Return BETA for a temperature, 0 for the likeliest token; BoardError beyond its range."""
    if temperature <= 0:
        return 0
    beta = round(256 / temperature)
    if not 1 <= beta <= 0xFFFF:
        raise BoardError(f"Temperature {temperature} is out of the board's range, 0.004 to 256; "
                         f"take 0 for the likeliest token")
    return beta


@dataclass(frozen=True)
class Counters:
    """The board's performance counters at one moment, by :class:`Counter`."""

    values: dict

    def __sub__(self, earlier):
        return Counters({c: (v - earlier.values[c]) % (1 << 64) for c, v in self.values.items()})

    def __add__(self, other):
        return Counters({c: (v + other.values[c]) % (1 << 64) for c, v in self.values.items()})

    def __getitem__(self, counter):
        return self.values[counter]

    @property
    def cycles_per_token(self):
        """Mean cycles from accepting a token to accepting the next, without waiting for the host.

        None where nothing was counted: the golden model knows no time.
        """
        cycles = self[Counter.CYCLES] - self[Counter.CAUSE_HOST]
        return cycles / self[Counter.TOKENS] if cycles and self[Counter.TOKENS] else None


class Board:
    """A board, found and identified.

    Parameters
    ----------
    transport : :class:`trine.host.links.Transport`
        The line to the device; the board owns and closes it.
    clock_source : str
        Where ``clock_hz`` comes from: "assumed", "placed-and-routed" or "board".
    connect : callable
        Makes the :class:`.connection.Connection` of the line.

    Attributes
    ----------
    config : :class:`trine.firmware.config.Config`
        What the board says it is.

    Raises
    ------
    BoardError
        Where the device is no Trine board, or one of other gateware.
    """

    def __init__(self, transport, clock_source="board", connect=Connection):
        self.transport = transport
        self.connection = connection = connect(transport)
        self.clock_source = clock_source
        self.image = None
        #: Seconds after which a run that stands still is broken off.
        self.standstill = _STANDSTILL
        self._seen = None  # moment, and where the run stood then
        connection.hello()
        magic, version, digest = connection.read(address("MAGIC"), 3)
        if magic != MAGIC:
            raise BoardError(f"The device on {transport.name} is no Trine board; give another port")
        if version != GATEWARE_VERSION:
            raise BoardError(f"The board on {transport.name} has gateware version {version}, this "
                             f"Trine needs {GATEWARE_VERSION}; program the board anew")
        values = connection.read(address(f"CONFIG_{CONFIG_FIELDS[0].upper()}"), len(CONFIG_FIELDS))
        try:
            self.config = Config(name="board", **dict(zip(CONFIG_FIELDS, values)))
            agreed = self.config.digest() == digest
        except ValueError:
            agreed = False
        if not agreed:
            raise BoardError(f"The board on {transport.name} does not agree with itself about its "
                             f"configuration; program the board anew")
        self.stop()
        if self.read("PHASE"):
            # A sweep of phases was broken off; what memory holds may be damaged.
            self.write("PHASE_TARGET", 0)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # What went wrong first is what people need to know.
        with suppress(DeviceError) if kind else nullcontext():
            self.close()

    def close(self):
        """Leave the board idle and close the link."""
        try:
            self.stop()
        finally:
            self.transport.close()

    # Registers.

    def read(self, name, *index):
        """Return the word of a register."""
        return self.connection.read(address(name, *index), 1)[0]

    def write(self, name, *index_and_word):
        """Write a word to a register: name, indices, word."""
        *index, word = index_and_word
        self.connection.write(address(name, *index), [word])

    def counters(self):
        """Return the performance counters."""
        words = self.connection.read(address(Counter(0).name, 0), 2 * len(Counter))
        return Counters({c: words[2 * c] | words[2 * c + 1] << 32 for c in Counter})

    def status(self):
        """Return the :class:`State`.

        An error the board reports is raised as BoardError, and so is a run that stands still. The
        board is reset then: it keeps its memory, and is ready for another run.
        """
        state = self.read("STATUS")
        if state not in {*State}:
            raise BoardError(f"The board on {self.transport.name} reports the unknown state "
                             f"{state}; program the board anew")
        if state == State.ERROR:
            code, position, word = self.connection.read(address("ERROR"), 3)
            self.write("RESET", 1)
            raise BoardError(describe_error(code, position, word))
        if state == State.RUNNING:
            self._check_progress()
        else:
            self._seen = None
        return State(state)

    def _check_progress(self):
        """Break a run off that stands where it stood a while ago."""
        now = self.transport.now
        if now is None or (self._seen and now - self._seen[0] < self.standstill):
            return
        plays, position = where = self.connection.read(address("PLAYS"), 2)
        if self._seen and self._seen[1] == where:
            self._seen = None
            self.write("RESET", 1)
            raise BoardError(f"The board stands still at byte {position} of the tape, in play "
                             f"{plays}, and was reset; upload the image again, compiled for this "
                             f"board")
        self._seen = now, where

    # Memory.

    def upload(self, image, progress=None):
        """Write ``image`` to the board's memory, check it there and fill the constant memory.

        ``progress(count)`` is called with the number of bytes that have newly arrived. What the
        board already holds is left alone, piece by piece, so an upload that was interrupted goes
        on where it stopped.
        """
        if image.size > self.config.memory_size:
            raise BoardError(f"The model needs {image.size} bytes of memory, the board has "
                             f"{self.config.memory_size}; take a smaller model")
        resume = self.transport.keeps_memory or self.image is not None
        self.connection.memory_write(0, image.data, progress, resume=resume)
        self.check_image(image)
        return self.adopt(image)

    def adopt(self, image):
        """Take it that the memory holds ``image``, and fill the constant memory."""
        self.image = image
        self.run("load")
        return self

    def check_image(self, image):
        """Compare the memory with ``image`` by checksums; BoardError names the first difference."""
        for start in range(0, len(image.data), _CRC_PIECE):
            piece = image.data[start:start + _CRC_PIECE]
            if self.connection.memory_crc(start, len(piece)) != zlib.crc32(piece):
                raise BoardError(f"The board's memory differs from the image between bytes {start} "
                                 f"and {start + len(piece)}; upload the model again")

    def state(self, slot=0):
        """Return a slot's recurrent state, int32 (n_layers * dim,)."""
        image = self._image()
        self.run("save")
        return image.unpack_state(self.connection.memory_read(*image.state_area(slot, self.config)))

    def write_state(self, values, slot=0):
        """Set a slot's recurrent state, int32 (n_layers * dim,); other slots keep theirs."""
        image = self._image()
        start, length = image.state_area(slot, self.config)
        self.connection.memory_write(start, image.pack_state(values).ljust(length, b"\0"))
        self.start("restore", count=1, active=1 << slot)
        self.wait(State.IDLE)

    # Runs.

    def _image(self):
        if self.image is None:
            raise BoardError("The board holds no model yet; upload one")
        return self.image

    def start(self, tape, *, count, active=1, reset=0, feedback=0, source=0, flags=0):
        """Start a run of the tape called ``tape`` and return.

        count : plays, 0 until :meth:`stop`; active, reset, feedback : slots, one bit each, as in
        RUN_ACTIVE, RUN_RESET, RUN_FEEDBACK; source : slot a chain begins from; flags : RunFlags
        """
        placed = self._image().tapes[tape]
        self.connection.write(address("RUN_BASE"), [placed.base, placed.beats, count, int(flags),
                                                    reset, source, feedback, active])
        self._seen = None
        self.write("START", 1)

    def wait(self, *states, seconds=60.0):
        """Wait until the board is in one of ``states``; BoardError after ``seconds`` without it."""
        deadline = time.monotonic() + seconds
        while (state := self.status()) not in states:
            if time.monotonic() > deadline:
                self.write("RESET", 1)
                raise BoardError(f"The board was still {state.name.lower()} after {seconds:.0f} s "
                                 f"and was reset; try again")
            self.transport.pause(_PAUSE)
        return state

    def run(self, tape):
        """Play a tape that takes no tokens, for all slots, and wait for its end."""
        self.start(tape, count=1, active=(1 << self.config.slots) - 1)
        self.wait(State.IDLE)

    def pause(self):
        """End the run under way at a token's boundary; another may go on where it ended."""
        if self.status() != State.IDLE:
            self.write("STOP", 1)
            self.wait(State.IDLE)

    def stop(self):
        """End the run under way, at a token's boundary, and wait until the board is idle.

        Works from anywhere, also where an exception has broken off a command.
        """
        if not self.connection.greeted:
            self.connection.hello()
        with suppress(BoardError):
            # Whatever is wrong with a run: it ends now.
            self.pause()
        # A run that was broken off may have left tokens behind.
        self.write("RESET", 1)

    # Slots of a run under way. The caller keeps the masks: every call names all slots it means.

    def change_slots(self, *, active, feedback=0, reset=0, source=0):
        """Let other slots take part from the next token boundary on.

        What a slot that joins needs is set before: its sampling, its first tokens in its queue.
        """
        self.connection.write(address("RUN_RESET"), [reset, source, feedback, active])

    def playing(self):
        """Return the slots that take part in the play under way, one bit each.

        What a slot without its bit has sampled is in its ring, and its settings may be changed.
        """
        return self.read("PLAY_ACTIVE")

    def clear_queues(self, slots):
        """Drop the queued tokens of slots that take no part, one bit each."""
        self.write("QUEUE_CLEAR", slots)

    def prefill(self, tokens, slots, *, source=None, progress=None):
        """Play consecutive ``tokens`` of one text in all of ``slots`` at once, without sampling.

        tokens : the prompt but for its last token, which goes through the token tape
        slots : free slots, whose states are lost
        source : slot that the text goes on from; None for a text that begins
        progress(count) : called with the number of tokens that were newly played
        returns : the slot that holds the text's state then, the highest of ``slots``
        """
        slots = sorted(slots)
        source = self._begin_text(slots[-1:], source)
        # What does not fill all slots comes first, in the highest ones: so the highest slot always
        # ends as the text's newest position.
        rest = len(tokens) % len(slots)
        for part, taking in ((tokens[:rest], slots[len(slots) - rest:]), (tokens[rest:], slots)):
            if part:
                self._chain("prefill", part, taking, source, progress)
                source = slots[-1]
        return source

    def check(self, tokens, slots, *, source=None):
        """Play consecutive ``tokens`` of one text through the token tape, one in each of ``slots``.

        tokens : list of int, as many as slots, for the slots in rising order
        source : slot that the first one goes on from; None for a text that begins
        returns : (token, crc) sampled behind each of them. Each slot then holds the text's state
        behind its token, so the next call goes on from the slot of the last right one.
        """
        slots = sorted(slots)
        source = self._begin_text(slots, source)
        counts = self.token_counts()
        self._chain("token", tokens, slots, source)
        return [self.sampled(counts[slot], 1, slot)[0] for slot in slots]

    def _begin_text(self, slots, source):
        """Return the source of a chain; where a text begins, one whose position is 0.

        States that are streamed are loaded for the slots that take part: so one of them is it.
        """
        if source is None:
            source = slots[-1]
            self.write("POSITION", source, 0)
        elif self._image().states.streamed and source not in slots:
            self.write_state(self.state(source), slots[-1])
            self.write("POSITION", slots[-1], self.read("POSITION", source))
            source = slots[-1]
        return source

    def _chain(self, tape, tokens, slots, source, progress=None):
        """Play ``tokens``, a multiple of the slots, from the state of ``source`` on."""
        queues = {slot: list(tokens[n::len(slots)]) for n, slot in enumerate(slots)}
        plays, seen = len(queues[slots[0]]), 0

        def fill():
            for slot, queue in queues.items():
                if queue:
                    del queue[:self.queue(queue, slot)]

        fill()
        self.start(tape, count=plays, active=sum(1 << slot for slot in slots), source=source,
                   flags=RunFlags.TOKENS | RunFlags.CHAIN)
        while self.status() != State.IDLE:
            fill()
            if progress:
                done = self.read("PLAYS")
                progress((done - seen) * len(slots))
                seen = done
            self.transport.pause(_PAUSE)
        if progress:
            progress((plays - seen) * len(slots))

    # Tokens.

    def sample_on_board(self, temperature, seed, slot=0, *, keep=False):
        """Choose how the board samples: the largest logit at temperature 0, else Gumbel noise.

        keep : also keep the 64 best rows for the host (:meth:`candidates`), which takes longer
        """
        mode, beta = SampleMode.CANDIDATES if keep else SampleMode.ARGMAX, beta_of(temperature)
        if beta:
            mode |= SampleMode.GUMBEL
        for name, word in (("SAMPLE_MODE", mode), ("BETA", beta), ("SEED", seed & 0xFFFFFFFF)):
            self.write(name, slot, word)

    def sample_on_host(self, slot=0):
        """Let the board keep the 64 best rows of a slot's tokens (:meth:`candidates`)."""
        self.sample_on_board(0, 0, slot, keep=True)

    def queue(self, tokens, slot=0):
        """Queue input tokens as far as there is room; return how many were taken."""
        room = self.config.token_queue - self.read("TOKEN_QUEUE", slot)
        part = list(tokens[:room])
        if part:
            self.connection.write(address("TOKEN_QUEUE", slot), part, keep=True)
        return len(part)

    def token_counts(self):
        """Return TOKEN_COUNT of every slot."""
        return self.connection.read(address("TOKEN_COUNT", 0), self.config.slots)

    def sampled(self, first, count, slot=0):
        """Return (token, crc) of ring entries ``first`` ... ``first + count - 1``."""
        entries = []
        while len(entries) < count:
            index = (first + len(entries)) % RING_ENTRIES
            part = min(count - len(entries), RING_ENTRIES - index, 128)
            words = self.connection.read(address("RING", slot, index, 0), 2 * part)
            entries += zip(words[::2], words[1::2])
        return entries

    def candidates(self, slot=0):
        """Return the best rows of the last token: (rows, logits), int arrays, best first."""
        count = self.read("CANDIDATE_COUNT", slot)
        words = np.array(self.connection.read(address("CANDIDATES", slot, 0, 0), 2 * CANDIDATES),
                         np.uint32).reshape(-1, 2)
        rows, logits = words[:, 0].astype(np.int64), words[:, 1].view(np.int32).astype(np.int64)
        # Places that no row has taken hold the smallest logit and the largest row: they come last.
        order = np.lexsort((rows, -logits))[:count]
        return rows[order], logits[order]

    def check_logits(self, count):
        """BoardError where the board does not keep ``count`` logits of a token."""
        if count > self.config.logit_words:
            raise BoardError(f"The board keeps {self.config.logit_words} logits of a token, the "
                             f"model has {count}; sample among the 64 best (--top-k 1 to 64)")

    def logits(self, count, slot=0):
        """Return the last token's first ``count`` logits, int64 with 16 fraction bits."""
        self.check_logits(count)
        words = []
        while len(words) < count:
            part = min(256, count - len(words))
            words += self.connection.read(address("LOGITS", slot, len(words)), part)
        return np.array(words, np.uint32).view(np.int32).astype(np.int64)
