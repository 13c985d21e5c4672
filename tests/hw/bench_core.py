"""The whole core on Verilator, driven by frames, against the golden machine. Run by test_core.py.

The tests run one after the other on the same board, as they would on a real one.
"""

from collections import deque

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge, Timer
from cocotb.utils import get_sim_time

from checkpoints import tiny_model
from cocotb_support import parameters, start_clock
from random_tapes import random_image
from trine.firmware import protocol
from trine.firmware.config import Config
from trine.firmware.protocol import Command, Status
from trine.firmware.registers import (
    Counter,
    Error,
    RunFlags,
    SampleMode,
    State,
    address,
)
from trine.sim.golden.machine import Machine

CONFIG = Config(**parameters()["config"]) if parameters() else None
#: How often a slot joins or leaves.
JOINS = 20
#: Cycles that any answer may take: the SDRAM's power-up alone is 20,000.
PATIENCE = 30_000
#: Nanoseconds of a cycle.
PERIOD = 10


class Board:
    """Sends commands, one at a time, and collects what comes back."""

    def __init__(self, dut):
        self.dut = dut
        self.edge = RisingEdge(dut.clk)
        self.deframer = protocol.Deframer()
        self.frames = deque()
        self.seq = 0

    @property
    def cycles(self):
        return get_sim_time("ns") // PERIOD

    async def wait(self, cycles):
        # Python need not see each of them.
        await Timer(cycles * PERIOD, "ns")
        await self.edge

    async def collect(self):
        self.dut.tx__ready.value = 1
        while True:
            if not self.dut.tx__valid.value:
                await RisingEdge(self.dut.tx__valid)
            await self.edge
            if self.dut.tx__valid.value:
                byte = bytes((int(self.dut.tx__payload.value),))
                self.frames.extend(self.deframer.feed(byte))

    async def command(self, code, payload=b""):
        dut = self.dut
        self.seq = (self.seq + 1) % 256
        for byte in protocol.encode(self.seq, code, payload):
            dut.rx__payload.value = byte
            dut.rx__valid.value = 1
            await self.edge
            while not dut.rx__ready.value:
                await self.edge
        dut.rx__valid.value = 0
        deadline = self.cycles + PATIENCE
        while not self.frames:
            await self.wait(4)
            assert self.cycles < deadline, f"no answer to {Command(code).name}"
        frame = self.frames.popleft()
        assert (frame.seq, frame.code) == (self.seq, Status.OK)
        return frame.payload

    async def read_words(self, at, count):
        payload = await self.command(Command.READ, at.to_bytes(4, "little")
                                     + count.to_bytes(2, "little"))
        return np.frombuffer(payload, "<u4").tolist()

    async def read(self, name, *index):
        return (await self.read_words(address(name, *index), 1))[0]

    async def write(self, name, *index_and_words):
        *index, words = index_and_words
        words = words if isinstance(words, list) else [words]
        await self.command(Command.WRITE, address(name, *index).to_bytes(4, "little")
                           + np.array(words, "<u4").tobytes())

    async def upload(self, data, at=0):
        for start in range(0, len(data), protocol.DATA_MAX):
            part = data[start:start + protocol.DATA_MAX]
            await self.command(Command.MEM_WRITE, (at + start).to_bytes(4, "little") + part)

    async def download(self, at, size):
        data = b""
        while len(data) < size:
            part = min(protocol.DATA_MAX, size - len(data))
            data += await self.command(Command.MEM_READ, (at + len(data)).to_bytes(4, "little")
                                       + part.to_bytes(2, "little"))
        return data

    async def start(self, tape, count, *, active, reset=0, feedback=0, source=0, flags=0):
        await self.write("RUN_BASE", [tape.base, tape.beats, count, int(flags), reset, source,
                                      feedback, active])
        await self.write("START", 1)

    async def until(self, *states, cycles=1_000_000):
        deadline = self.cycles + cycles
        while (state := State(await self.read("STATUS"))) not in states:
            assert state != State.ERROR, await self.read_words(address("ERROR"), 3)
            assert self.cycles < deadline, f"still {state.name}"
            await self.wait(200)
        return state

    async def run(self, tape, **options):
        await self.start(tape, 1, **options)
        await self.until(State.IDLE)

    async def counters(self):
        words = await self.read_words(address("CYCLES", 0), 2 * len(Counter))
        return np.array([words[2 * c] | words[2 * c + 1] << 32 for c in Counter])

    async def newest(self, count, slot):
        """Return (token, crc) of the last ``count`` plays."""
        total = await self.read("TOKEN_COUNT", slot)
        entries = []
        for n in range(total - count, total):
            entries.append(tuple(await self.read_words(address("RING", slot, n % 1024, 0), 2)))
        return entries


async def connect(dut):
    board = Board(dut)
    start_clock(dut, period=PERIOD)
    cocotb.start_soon(board.collect())
    greeting = await board.command(Command.HELLO)
    assert greeting[:4] == b"TRNE"
    await board.write("RESET", 1)
    return board


def play(machine, tape, inputs, active, source=None):
    """Play on the golden machine; return (token, crc) by slot."""
    tokens = machine.play(tape, inputs, active, source)
    return {slot: (token, machine.slots[slot].sampler.crc) for slot, token in zip(active, tokens)}


def masks(active):
    return sum(1 << slot for slot in active)


async def check_saved(board, machine, image, active):
    """Let both save what they hold, and compare it."""
    machine.play(image.tapes["save"], None, active)
    await board.run(image.tapes["save"], active=masks(active))
    for slot in active:
        at = (image.state_base + slot * image.state_stride) * CONFIG.memory_bytes
        size = image.state_stride * CONFIG.memory_bytes
        size = min(size, 4 * image.states.layers * image.states.pitch)
        size -= size % CONFIG.burst_bytes
        assert await board.download(at, size) == bytes(machine.memory[at:at + size])


@cocotb.test()
async def tiny_model_generates(dut):
    """32 tokens: a prompt, then what was sampled; every logit's CRC and the final state."""
    board = await connect(dut)
    image = tiny_model().image(CONFIG)
    machine = Machine(CONFIG, image.data)
    everyone = list(range(CONFIG.slots))
    await board.upload(image.data)
    machine.play(image.tapes["load"])
    await board.run(image.tapes["load"], active=masks(everyone))

    prompts = [[1 + slot, 7, 3] for slot in everyone]
    expected = [[] for _ in everyone]
    for step in range(32):
        tokens = [prompt[step] if step < len(prompt) else given[-1][0]
                  for prompt, given in zip(prompts, expected)]
        for slot, entry in play(machine, image.tapes["token"], tokens, everyone).items():
            expected[slot].append(entry)

    before = await board.counters()
    for slot, prompt in enumerate(prompts):
        await board.write("TOKEN_QUEUE", slot, prompt[0])
        for token in prompt[1:]:
            await board.write("TOKEN_QUEUE", slot, token)
    await board.start(image.tapes["token"], 32, active=masks(everyone), reset=masks(everyone),
                      feedback=masks(everyone), flags=RunFlags.TOKENS)
    await board.until(State.IDLE)
    counted = await board.counters() - before
    for slot in everyone:
        assert await board.newest(32, slot) == expected[slot]
        assert await board.read("POSITION", slot) == 32
        logits = machine.slots[slot].sampler.logits
        rows = min(len(logits), CONFIG.logit_words)
        words = await board.read_words(address("LOGITS", slot, 0), rows)
        np.testing.assert_array_equal(np.array(words, np.uint32).view(np.int32), logits[:rows])
    await check_saved(board, machine, image, everyone)

    # Every cycle has one cause.
    causes = counted[Counter.CAUSE_HOST:Counter.CAUSE_ISSUE + 1]
    assert counted[Counter.CYCLES] == causes.sum()
    assert counted[Counter.TOKENS] == 32
    assert counted[Counter.CAUSE_HOST] == 0
    assert counted[Counter.ARRAY_BUSY] == counted[Counter.CAUSE_ARRAY]
    cocotb.log.info("cycles per token: %s", {c.name: float(counted[c] / 32) for c in Counter})


@cocotb.test()
async def random_tapes_match(dut):
    """Every instruction, with random fields: logits, saved memories and saturations."""
    board = await connect(dut)
    everyone = list(range(CONFIG.slots))
    for seed in range(parameters()["tapes"]):
        image = random_image(CONFIG, seed)
        machine = Machine(CONFIG, image.data)
        await board.upload(image.data)
        rng = np.random.default_rng(seed)
        gumbel = seed % 2
        for slot in everyone:
            noisy = (gumbel + slot) % 2
            for name, word in (("SAMPLE_MODE", SampleMode.GUMBEL if noisy else SampleMode.ARGMAX),
                               ("BETA", 300 + slot), ("SEED", 1000 * seed + slot)):
                await board.write(name, slot, word)
            machine.slots[slot].beta = 300 + slot if noisy else None
            machine.slots[slot].seed = 1000 * seed + slot
        saturations = await board.read("SATURATIONS", 0)
        for turn in range(4):
            active = everyone if turn != 1 else everyone[-1:]
            # The last turn is a chain, whose vectors are shorter than the pipeline.
            source = everyone[seed % CONFIG.slots] if turn == 3 else None
            chain = {} if source is None else {"source": source}
            tokens = rng.integers(0, 100, CONFIG.slots).tolist()
            expected = play(machine, image.tapes["token"], tokens, active, source)
            for slot in active:
                await board.write("TOKEN_QUEUE", slot, tokens[slot])
            await board.run(image.tapes["token"], active=masks(active), **chain,
                            flags=RunFlags.TOKENS | (RunFlags.CHAIN if chain else 0),
                            reset=0 if turn else masks(everyone))
            for slot in active:
                assert await board.newest(1, slot) == [expected[slot]], f"tape {seed}"
            await check_saved(board, machine, image, active)
        assert await board.read("SATURATIONS", 0) - saturations == machine.saturations


@cocotb.test()
async def a_run_waits_for_the_host_and_stops(dut):
    board = await connect(dut)
    image = tiny_model().image(CONFIG)
    machine = Machine(CONFIG, image.data)
    await board.upload(image.data)
    await board.run(image.tapes["load"], active=1)
    machine.play(image.tapes["load"])
    await board.write("SAMPLE_MODE", 0, SampleMode.ARGMAX)

    before = await board.counters()
    await board.start(image.tapes["token"], 0, active=1, reset=1, flags=RunFlags.TOKENS)
    for token in (5, 2):
        await board.until(State.WAITING)
        await board.write("TOKEN_QUEUE", 0, token)
    await board.until(State.WAITING)
    assert await board.newest(2, 0) == [
        play(machine, image.tapes["token"], [token] * CONFIG.slots, [0])[0] for token in (5, 2)]
    await board.write("STOP", 1)
    await board.until(State.IDLE)
    counted = await board.counters() - before
    assert counted[Counter.TOKENS] == 2
    assert counted[Counter.CAUSE_HOST] > 100

    # It goes on where it stopped.
    await board.write("TOKEN_QUEUE", 0, 9)
    await board.run(image.tapes["token"], active=1, flags=RunFlags.TOKENS)
    assert await board.newest(1, 0) == [
        play(machine, image.tapes["token"], [9] * CONFIG.slots, [0])[0]]


@cocotb.test()
async def a_broken_tape_is_explained_and_forgotten(dut):
    board = await connect(dut)
    image = tiny_model().image(CONFIG)
    await board.upload(image.data)
    await board.run(image.tapes["load"], active=1)
    tape = image.tapes["token"]
    at = tape.base * CONFIG.memory_bytes
    burst = CONFIG.burst_bytes

    async def fails(error, position):
        await board.write("TOKEN_QUEUE", 0, 1)
        await board.start(tape, 3, active=1, reset=1, feedback=1, flags=RunFlags.TOKENS)
        while await board.read("STATUS") != State.ERROR:
            pass
        assert (await board.read_words(address("ERROR"), 2)) == [error, position]
        await board.write("RESET", 1)
        assert await board.read("STATUS") == State.IDLE

    # An opcode that does not exist, where the second instruction was.
    head = image.data[at:at + 2 * burst]
    second = 24
    assert head[:1] != head[second:second + 1]
    await board.upload(head[:second] + bytes((48,)) + head[second + 1:], at)
    await fails(Error.UNDEFINED_OPCODE, second)
    await board.upload(head, at)

    # A tape that ends within its last matrix.
    whole = tape
    tape = type(tape)(tape.base, tape.beats - 4 * CONFIG.burst_beats, tape.size)
    await board.write("TOKEN_QUEUE", 0, 1)
    await board.start(tape, 3, active=1, reset=1, feedback=1, flags=RunFlags.TOKENS)
    while await board.read("STATUS") != State.ERROR:
        pass
    assert await board.read("ERROR") == Error.TAPE_ENDED
    await board.write("RESET", 1)

    # The machine is whole again, without another upload.
    machine = Machine(CONFIG, image.data)
    machine.play(image.tapes["load"])
    expected = play(machine, whole, [5] * CONFIG.slots, [0])[0]
    await board.write("TOKEN_QUEUE", 0, 5)
    await board.run(whole, active=1, reset=1, flags=RunFlags.TOKENS)
    assert await board.newest(1, 0) == [expected]


@cocotb.test()
async def reset_at_any_time_leaves_a_whole_machine(dut):
    board = await connect(dut)
    image = tiny_model().image(CONFIG)
    machine = Machine(CONFIG, image.data)
    await board.upload(image.data)
    await board.run(image.tapes["load"], active=1)
    machine.play(image.tapes["load"])
    expected = play(machine, image.tapes["token"], [5] * CONFIG.slots, [0])[0]
    for when in (1, 60, 333, 1111, 2500):
        await board.write("TOKEN_QUEUE", 0, 5)
        await board.start(image.tapes["token"], 0, active=1, reset=1, feedback=1,
                          flags=RunFlags.TOKENS)
        await board.wait(when)
        await board.write("RESET", 1)
        await board.write("TOKEN_QUEUE", 0, 5)
        await board.run(image.tapes["token"], active=1, reset=1, flags=RunFlags.TOKENS)
        assert await board.newest(1, 0) == [expected], f"reset after {when}"


class Stream:
    """A text that one slot makes, as the golden machine makes it alone."""

    def __init__(self, image, rng, vocabulary):
        self.image = image
        self.machine = Machine(CONFIG.replace(slots=1), image.data)
        self.machine.play(image.tapes["load"])
        slot = self.machine.slots[0]
        self.prompt = rng.integers(0, vocabulary, rng.integers(1, 6)).tolist()
        self.seed, self.beta = int(rng.integers(1 << 32)), int(rng.integers(40, 300))
        slot.seed, slot.beta = self.seed, self.beta if rng.random() < 0.7 else None
        self.mode = SampleMode.ARGMAX if slot.beta is None else SampleMode.GUMBEL
        self.entries = []

    def expected(self, count):
        """Return (token, crc) of the first ``count`` plays."""
        while len(self.entries) < count:
            n = len(self.entries)
            token = self.prompt[n] if n < len(self.prompt) else self.entries[-1][0]
            self.entries.append(play(self.machine, self.image.tapes["token"], [token], [0])[0])
        return self.entries[:count]


@cocotb.test(skip=not CONFIG or CONFIG.slots == 1)
async def slots_join_and_leave_at_any_token(dut):
    """Each slot's tokens and CRCs are those of its text alone, whatever comes and goes beside."""
    board = await connect(dut)
    model = tiny_model()
    image = model.image(CONFIG)
    await board.upload(image.data)
    await board.run(image.tapes["load"], active=masks(range(CONFIG.slots)))
    rng = np.random.default_rng(11)
    streams, firsts, compared = {}, {}, 0

    async def change(reset=0):
        await board.write("RUN_RESET", [reset, 0, masks(streams), masks(streams)])

    async def leave(slot):
        nonlocal compared
        stream = streams.pop(slot)
        await change()
        while await board.read("PLAY_ACTIVE") >> slot & 1:
            await board.wait(50)
        count = await board.read("TOKEN_COUNT", slot) - firsts[slot]
        await board.write("QUEUE_CLEAR", 1 << slot)
        if count:
            assert await board.read("POSITION", slot) == count
            assert await board.newest(count, slot) == stream.expected(count)
        compared += count

    await board.start(image.tapes["token"], 0, active=0, flags=RunFlags.TOKENS)
    assert await board.until(State.WAITING) == State.WAITING
    for _ in range(JOINS):
        free = [slot for slot in range(CONFIG.slots) if slot not in streams]
        if not free or (streams and rng.random() < 0.4):
            await leave(int(rng.choice(list(streams))))
        else:
            slot = int(rng.choice(free))
            stream = Stream(image, rng, model.vocab_size)
            firsts[slot] = await board.read("TOKEN_COUNT", slot)
            for name, word in (("SAMPLE_MODE", stream.mode), ("BETA", stream.beta),
                               ("SEED", stream.seed)):
                await board.write(name, slot, word)
            for token in stream.prompt:
                await board.write("TOKEN_QUEUE", slot, token)
            streams[slot] = stream
            await change(reset=1 << slot)
        # A play takes some 15,000 cycles: what follows falls anywhere in one.
        await board.wait(int(rng.integers(1, 40_000)))
    for slot in list(streams):
        await leave(slot)
    assert await board.until(State.WAITING) == State.WAITING
    await board.write("STOP", 1)
    await board.until(State.IDLE)
    assert compared > JOINS


@cocotb.test(skip=not CONFIG or CONFIG.slots == 1)
async def chained_slots_are_positions_of_one_text(dut):
    """Prefill, then drafts of which the last ones are dropped: as token by token."""
    board = await connect(dut)
    model = tiny_model()
    image = model.image(CONFIG)
    await board.upload(image.data)
    await board.run(image.tapes["load"], active=1)
    everyone = list(range(CONFIG.slots))
    last = everyone[-1]
    alone = Machine(CONFIG, image.data)
    alone.play(image.tapes["load"])
    text = np.random.default_rng(3).integers(0, model.vocab_size, 4 * len(everyone)).tolist()

    async def chain(tape, tokens, source, count):
        for n, token in enumerate(tokens):
            await board.write("TOKEN_QUEUE", everyone[n % len(everyone)], token)
        await board.start(image.tapes[tape], count, active=masks(everyone), source=source,
                          flags=RunFlags.TOKENS | RunFlags.CHAIN)
        await board.until(State.IDLE)

    async def check_state(slot):
        """Compare with the state of the text alone, in the same slot."""
        alone.slots[slot].state[:] = alone.slots[0].state
        await check_saved(board, alone, image, [slot])

    for slot in everyone:
        await board.write("SAMPLE_MODE", slot, SampleMode.GUMBEL)
        await board.write("BETA", slot, 100)
        await board.write("SEED", slot, 5)
    alone.slots[0].beta, alone.slots[0].seed = 100, 5
    await board.write("POSITION", last, 0)
    prompt = text[:2 * len(everyone)]
    await chain("prefill", prompt, last, 2)
    for token in prompt:
        play(alone, image.tapes["token"], [token], [0])
    assert await board.read("POSITION", last) == len(prompt)
    await check_state(last)

    # One draft is right, the next is not: what follows goes on from the right one's slot.
    drafts = text[len(prompt):][:len(everyone)]
    await chain("token", drafts, last, 1)
    expected = [play(alone, image.tapes["token"], [token], [0])[0] for token in drafts[:2]]
    assert [(await board.newest(1, slot))[0] for slot in everyone[:2]] == expected
    await check_state(1)
    drafts = text[-len(everyone):]
    await chain("token", drafts, 1, 1)
    expected = [play(alone, image.tapes["token"], [token], [0])[0] for token in drafts]
    assert [(await board.newest(1, slot))[0] for slot in everyone] == expected
    assert await board.read("POSITION", 0) == len(prompt) + 3
    await check_state(last)
