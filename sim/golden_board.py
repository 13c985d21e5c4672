"""The golden machine behind the link: the same frames and registers as a board, no gateware."""

from bisect import bisect_right
from collections import deque

import numpy as np

from trine.firmware.compiler import Tape
from trine.firmware.protocol import GATEWARE_VERSION, Command
from trine.firmware.registers import (
    CONFIG_FIELDS,
    MAGIC,
    MEMORY_TEST_BEATS,
    MEMORY_TEST_ERRORS,
    REGISTERS,
    TOKEN_BITS,
    Counter,
    Error,
    MemoryTestMode,
    RunFlags,
    SampleMode,
    State,
    address,
)

from .golden.machine import Machine
from .golden.memory_test import pattern
from .golden.tape import TapeFault
from .link_model import BoardModel

__all__ = ["GoldenBoard"]

_BY_ADDRESS = sorted(REGISTERS.values(), key=lambda register: register.address)
_ADDRESSES = [register.address for register in _BY_ADDRESS]


def _locate(address):
    """Return name and offset of the register at ``address``, or an empty name."""
    register = _BY_ADDRESS[bisect_right(_ADDRESSES, address) - 1]
    offset = address - register.address
    return (register.name, offset) if offset < register.words else ("", 0)


class GoldenBoard(BoardModel):
    """A board of ``config`` whose machine is :class:`trine.sim.golden.machine.Machine`.

    A run advances by one play each time the host asks for STATUS, so that no answer takes long:
    else it always stands at a token boundary. Cycle counters read zero: the golden model knows no
    time.
    """

    def __init__(self, config):
        self.config = config
        self.machine = Machine(config)
        self.state = State.IDLE
        self.queues = [deque() for _ in range(config.slots)]
        self.rings = [[(0, 0)] * config.ring_entries for _ in range(config.slots)]
        self.counts = [0] * config.slots
        self.sampled = [None] * config.slots
        self.plays = self.tokens = self.active = 0
        fixed = {"MAGIC": MAGIC, "VERSION": GATEWARE_VERSION, "CONFIG_DIGEST": config.digest()}
        fixed |= {f"CONFIG_{name.upper()}": getattr(config, name) for name in CONFIG_FIELDS}
        super().__init__(registers={address(name): value for name, value in fixed.items()},
                         memory=self.machine.memory, burst_bytes=config.burst_bytes)

    def _execute(self, code, payload):
        reply = super()._execute(code, payload)
        if code == Command.MEM_WRITE:
            self.machine.forget_tapes()
        return reply

    def _value(self, name):
        return self.registers.get(address(name), 0)

    def read_register(self, address):
        """Return the word at ``address``; reading STATUS plays on."""
        name, offset = _locate(address)
        slots = self.config.slots
        if name == "STATUS":
            self._advance()
            return self.state
        if name in ("TOKEN_QUEUE", "TOKEN_COUNT", "POSITION", "CRC", "CANDIDATE_COUNT"):
            if offset >= slots:
                return 0
            slot = self.machine.slots[offset]
            return {"TOKEN_QUEUE": len(self.queues[offset]), "TOKEN_COUNT": self.counts[offset],
                    "POSITION": slot.position, "CRC": slot.sampler.crc,
                    "CANDIDATE_COUNT": len(slot.sampler.candidates())}[name]
        if name in ("RING", "CANDIDATES", "LOGITS"):
            return self._window(name, offset) & 0xFFFFFFFF
        if name == "PLAYS":
            return self.plays
        if name == "PLAY_ACTIVE":
            return self._value("RUN_ACTIVE") & self.active if self._running else 0
        if name == Counter.TOKENS.name:
            return self.tokens if offset == 0 else 0
        if name == Counter.SATURATIONS.name:
            return self.machine.saturations if offset == 0 else 0
        return self.registers.get(address, 0)

    def _window(self, name, offset):
        dims = REGISTERS[name].dims
        rest, column = divmod(offset, dims[2]) if len(dims) == 3 else (offset, 0)
        index, row = divmod(rest, dims[1])
        if index >= self.config.slots:
            return 0
        if name == "RING":
            return self.rings[index][row % self.config.ring_entries][column]
        sampler = self.machine.slots[index].sampler
        if name == "LOGITS":
            return int(sampler.buffer[row]) if row < len(sampler.buffer) else 0
        best = sampler.candidates()
        # A place without a row shows the largest row and the least logit.
        logit, token = best[row] if row < len(best) else (-(1 << 31), (1 << TOKEN_BITS) - 1)
        return int((token, logit)[column])

    def write_register(self, address, word):
        """Store a word, or do what the register stands for."""
        name, offset = _locate(address)
        if name == "START" and self.state == State.IDLE:
            self._start()
        elif name == "STOP":
            self.state = State.IDLE if self._running else self.state
        elif name == "RESET":
            self._fail(Error.NONE)
            self.state = State.IDLE
            self._clear_queues(-1)
        elif name == "QUEUE_CLEAR":
            self._clear_queues(word)
        elif name == "TOKEN_QUEUE":
            if (offset < self.config.slots
                    and len(self.queues[offset]) < self.config.token_queue):
                self.queues[offset].append(word)
        elif name == "POSITION":
            if offset < self.config.slots:
                self.machine.slots[offset].position = word
        elif name == "RUN_RESET" and self._running:
            self.registers[address] |= word
        elif name in ("RUN_BASE", "RUN_BEATS", "RUN_COUNT", "RUN_FLAGS") and self._running:
            pass
        elif name == "MEMORY_TEST_START":
            if self.state in (State.IDLE, State.ERROR) and word & 3:
                self._test_memory(MemoryTestMode(word & 7))
        else:
            super().write_register(address, word)

    @property
    def _running(self):
        return self.state in (State.RUNNING, State.WAITING)

    def _chosen(self, name):
        """Return the slots whose bits are set in the register called ``name``."""
        return [n for n in range(self.config.slots) if self._value(name) >> n & 1]

    def _clear_queues(self, mask):
        for index, queue in enumerate(self.queues):
            if mask >> index & 1:
                queue.clear()

    def _start(self):
        self.plays = self.active = 0
        self.state = State.RUNNING
        base, beats = self._value("RUN_BASE"), self._value("RUN_BEATS")
        if ((base | beats) % self.config.burst_beats or not beats
                or base + beats > self.config.memory_beats):
            self._fail(Error.BAD_RUN)

    def _fail(self, error, position=0, word=0):
        self.state = State.ERROR
        for name, value in (("ERROR", error), ("ERROR_POSITION", position), ("ERROR_WORD", word)):
            self.registers[address(name)] = value

    def _test_memory(self, mode):
        """Carry out a memory test at once."""
        beat_bytes = self.config.memory_bytes
        base, end = (self._value(f"MEMORY_TEST_{name}") // MEMORY_TEST_BEATS * MEMORY_TEST_BEATS
                     for name in ("BASE", "END"))
        beats = (end - base) % self.config.memory_beats or self.config.memory_beats
        expected = pattern(self._value("MEMORY_TEST_SEED"), beats, beat_bytes,
                           invert=MemoryTestMode.INVERT in mode)
        first = base * beat_bytes
        head = min(len(expected), len(self.memory) - first)  # the rest begins at 0 again
        if MemoryTestMode.WRITE in mode:
            self.memory[first:first + head] = expected[:head].tobytes()
            self.memory[:len(expected) - head] = expected[head:].tobytes()
            self.machine.forget_tapes()
        errors, place, bits = 0, 0, 0
        if MemoryTestMode.READ in mode:
            found = np.frombuffer(self.memory[first:first + head]
                                  + self.memory[:len(expected) - head], np.uint8)
            difference = (found ^ expected).reshape(-1, beat_bytes)
            wrong = np.flatnonzero(difference.any(1))
            if len(wrong):
                errors = min(len(wrong), MEMORY_TEST_ERRORS)
                place = (base + int(wrong[0])) % self.config.memory_beats
                lines = int.from_bytes(np.bitwise_or.reduce(difference).tobytes(), "little")
                while lines:
                    bits |= lines & 0xFFFFFFFF
                    lines >>= 32
        for name, value in (("ERRORS", errors), ("FIRST", place), ("BITS", bits)):
            self.registers[address(f"MEMORY_TEST_{name}")] = value

    def _reset_slots(self):
        for index in self._chosen("RUN_RESET"):
            self.machine.reset(index)
            self.sampled[index] = None
        self.registers[address("RUN_RESET")] = 0

    def _taking_part(self, flags):
        """Return the slots that take part in the next play: none where it must wait."""
        wanted = self._chosen("RUN_ACTIVE")
        if not flags & RunFlags.TOKENS:
            return wanted
        fed_back = [] if flags & RunFlags.CHAIN else self._chosen("RUN_FEEDBACK")
        ready = [n for n in wanted
                 if self.queues[n] or (n in fed_back and self.sampled[n] is not None)]
        if flags & (RunFlags.CHAIN | RunFlags.TOGETHER) and ready != wanted:
            return []
        return ready

    def _advance(self):
        if not self._running:
            return
        self._reset_slots()
        flags = self._value("RUN_FLAGS")
        active = self._taking_part(flags)
        self.active = sum(1 << index for index in active)
        if not active:
            self.state = State.WAITING
            return
        self.state = State.RUNNING
        tape = Tape(self._value("RUN_BASE"), self._value("RUN_BEATS"), 0)
        source = self._value("RUN_SOURCE") if flags & RunFlags.CHAIN else None
        try:
            if flags & RunFlags.TOKENS:
                self._play_token(tape, active, source)
            else:
                self.machine.play(tape, None, active, source)
        except TapeFault as fault:
            self._fail(fault.error, fault.position, fault.word)
            return
        self.plays += 1
        if self.plays == self._value("RUN_COUNT"):
            self.state = State.IDLE

    def _play_token(self, tape, active, source):
        tokens = [0] * self.config.slots
        for index in active:
            queue, slot = self.queues[index], self.machine.slots[index]
            tokens[index] = queue.popleft() if queue else self.sampled[index]
            mode, beta, slot.seed = (self.registers.get(address(name, index), 0)
                                     for name in ("SAMPLE_MODE", "BETA", "SEED"))
            slot.beta = beta if mode & SampleMode.GUMBEL else None
            slot.sampler.keep = bool(mode & SampleMode.CANDIDATES)
        for index, token in zip(active, self.machine.play(tape, tokens, active, source)):
            crc = self.machine.slots[index].sampler.crc
            self.rings[index][self.counts[index] % self.config.ring_entries] = token, crc
            self.counts[index] += 1
            self.sampled[index] = None if source is not None else token
        self.tokens += 1
