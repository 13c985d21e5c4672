"""RunControl with stand-ins for reader, sequencer and token feed."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import bus_read, bus_write, simulate
from trine.firmware.config import preset
from trine.firmware.registers import PAGES, Error, RunFlags, State, address
from trine.hw.run_control import RunControl
from trine.hw.token_feed import FeedAction

CONFIG = preset("tiny").replace(slots=3)


class Machine:
    """What the control talks to. ``log`` holds what happened, in order."""

    def __init__(self, *, seed=0, play_time=20):
        self.dut = RunControl(config=CONFIG)
        self.rng = Random(seed)
        self.play_time = play_time
        self.log = []
        self.tokens = 1 << 30  # plays that there will be input tokens for
        self.able = -1         # slots that have some then
        self.fault_in = None   # play that ends in a fault
        self.mover_busy = 0
        self.last_command = 0
        self.cycles = {"running": 0, "waiting": 0, "between": 0}

    async def feed(self, ctx):
        dut = self.dut
        while True:
            ctx.set(dut.available, self.able & 7 if self.tokens > 0 else 0)
            await ctx.tick()
            if ctx.get(dut.feed.valid):
                action, mask = ctx.get(dut.feed.payload), ctx.get(dut.feed_mask)
                await ctx.tick().repeat(1 + self.rng.randrange(6))
                if not ctx.get(dut.feed.valid):
                    continue  # broken off
                assert ctx.get(dut.feed_mask) == mask
                self.log.append((action.name.lower(), mask))
                self.tokens -= action == FeedAction.BEGIN
                ctx.set(dut.available, self.able & 7 if self.tokens > 0 else 0)
                ctx.set(dut.feed.ready, 1)
                await ctx.tick()
                ctx.set(dut.feed.ready, 0)

    async def sequencer(self, ctx):
        dut = self.dut
        plays = 0
        while True:
            await ctx.tick()
            if ctx.get(dut.play.valid):
                size = CONFIG.burst_bytes * ctx.get(dut.play.payload)
                for _ in range(self.play_time):
                    await ctx.tick()
                    if not ctx.get(dut.play.valid):
                        break
                else:
                    if plays == self.fault_in:
                        ctx.set(dut.fault, {"error": Error.UNDEFINED_OPCODE, "position": 12,
                                            "word": 63})
                        while not ctx.get(dut.hold):
                            await ctx.tick()
                        ctx.set(dut.fault, {})
                        continue
                    plays += 1
                    self.log.append(("play", size))
                    ctx.set(dut.play.ready, 1)
                    await ctx.tick()
                    ctx.set(dut.play.ready, 0)

    async def reader(self, ctx):
        dut = self.dut
        ctx.set(dut.reader.ready, 1)
        countdown, held = 0, False
        while True:
            valid, payload, flush, reset, begin, hold, empty = (await ctx.tick().sample(
                dut.reader.valid, dut.reader.payload, dut.flush, dut.reset, dut.sampler_begin,
                dut.hold, dut.queue_clear))[2:]
            for name in self.cycles:
                self.cycles[name] += ctx.get(getattr(dut, name))
            if valid:
                self.log.append(("read", payload.addr, payload.beats,
                                 "endless" if payload.endless else payload.plays))
            if hold and not held and self.last_command:
                # In the first clock of `hold` it may take a last command.
                self.mover_busy = self.last_command
            held = hold
            if reset:
                assert not self.mover_busy
                self.log.append(("reset",))
            if begin:
                self.log.append(("clear", begin))
            if empty:
                self.log.append(("empty", empty))
            countdown = 9 if flush else max(countdown - 1, 0)
            ctx.set(dut.flushed, countdown == 1)
            self.mover_busy = max(self.mover_busy - 1, 0)
            ctx.set(dut.mover_busy, bool(self.mover_busy))

    def run(self, host):
        async def testbench(ctx):
            async def write(name, word=1):
                await bus_write(ctx, self.dut.bus, address(name) - PAGES["run"].address, word)

            async def read(name):
                return await bus_read(ctx, self.dut.bus, address(name) - PAGES["run"].address)

            async def until(state, patience=300):
                while await read("STATUS") != state:
                    patience -= 1
                    assert patience, f"{state.name} does not come: {self.log}"

            async def start(count, *, flags=RunFlags.TOKENS, active=0b101, reset=0, base=64,
                            beats=32):
                for name, word in (("RUN_BASE", base), ("RUN_BEATS", beats), ("RUN_COUNT", count),
                                   ("RUN_FLAGS", flags), ("RUN_RESET", reset),
                                   ("RUN_ACTIVE", active)):
                    await write(name, word)
                await write("START")
            await host(ctx, read, write, start, until)

        simulate(self.dut, testbench, background=[self.feed, self.sequencer, self.reader])
        return self.log


TOKEN = [("begin", 0b101), ("clear", 0b101), ("play", 64), ("finish", 0b101)]


def test_a_run_plays_and_hands_tokens_on():
    machine = Machine()

    async def host(ctx, read, write, start, until):
        assert await read("STATUS") == State.IDLE
        await start(3, reset=0b110)
        assert await read("STATUS") == State.RUNNING
        await until(State.IDLE)
        assert await read("PLAYS") == 3

        assert await read("RUN_RESET") == 0

    assert machine.run(host) == [("reset", 0b110), ("read", 64, 32, 3), *TOKEN * 3]
    assert machine.cycles["waiting"] == 0


def test_a_tape_without_tokens_leaves_them_alone():
    machine = Machine()
    machine.tokens = 0

    async def host(ctx, read, write, start, until):
        await start(1, flags=0, active=0b111)
        await until(State.IDLE)

    assert machine.run(host) == [("reset", 0), ("read", 64, 32, 1), ("play", 64)]


def test_the_host_is_waited_for():
    machine = Machine()
    machine.tokens = 1

    async def host(ctx, read, write, start, until):
        await start(2)
        await until(State.WAITING)
        await ctx.tick().repeat(50)
        assert await read("PLAYS") == 1
        machine.tokens = 1
        await until(State.IDLE)

    assert machine.run(host)[2:] == TOKEN * 2
    assert 50 < machine.cycles["waiting"] < machine.cycles["between"] < machine.cycles["running"]


def test_stop_acts_between_plays():
    machine = Machine(play_time=200)

    async def host(ctx, read, write, start, until):
        await start(0)
        await ctx.tick().repeat(300)
        await write("STOP")
        await until(State.IDLE)
        plays = await read("PLAYS")
        assert machine.log == [("reset", 0), ("read", 64, 32, "endless"), *TOKEN * plays]
        # The next run is not stopped.
        await start(1)
        await until(State.IDLE)
        assert await read("PLAYS") == 1

    machine.run(host)


def test_stop_ends_a_run_that_waits():
    machine = Machine()
    machine.tokens = 0

    async def host(ctx, read, write, start, until):
        await start(5)
        await until(State.WAITING)
        await write("STOP")
        await until(State.IDLE)
        assert await read("PLAYS") == 0

    machine.run(host)


def test_a_fault_is_shown_until_reset():
    machine = Machine()
    machine.fault_in = 1

    async def host(ctx, read, write, start, until):
        await start(3)
        await until(State.ERROR)
        assert [await read(name) for name in ("ERROR", "ERROR_POSITION", "ERROR_WORD", "PLAYS")] \
            == [Error.UNDEFINED_OPCODE, 12, 63, 1]
        await start(3)
        assert await read("STATUS") == State.ERROR
        await write("RESET")
        assert await read("STATUS") == State.IDLE
        assert await read("ERROR") == Error.NONE
        machine.fault_in = None
        await start(1)
        await until(State.IDLE)
        assert await read("PLAYS") == 1

    machine.run(host)


@pytest.mark.parametrize("when", range(0, 70, 7))
def test_reset_breaks_a_run_off(when):
    machine = Machine(play_time=30)

    async def host(ctx, read, write, start, until):
        await start(0)
        await ctx.tick().repeat(1 + when)
        machine.mover_busy = 17
        await write("RESET")
        # What follows finds the machine idle, however long the reset takes.
        await start(2)
        await until(State.IDLE)
        assert await read("PLAYS") == 2
        at = machine.log.index(("reset",))
        assert machine.log[at:] == [("reset",), ("reset", 0), ("read", 64, 32, 2), *TOKEN * 2]

    machine.run(host)


def test_reset_waits_for_a_command_that_the_mover_just_took():
    machine = Machine(play_time=100)
    machine.last_command = 17

    async def host(ctx, read, write, start, until):
        await start(0)
        await ctx.tick().repeat(60)
        await write("RESET")
        await until(State.IDLE)

    assert ("reset",) in machine.run(host)


@pytest.mark.parametrize("setting", [
    {"beats": 0}, {"beats": 12}, {"base": 4},
    {"base": 65536 - 16, "beats": 24}])
def test_bad_runs_are_refused(setting):
    machine = Machine()

    async def host(ctx, read, write, start, until):
        await start(1, **setting)
        await until(State.ERROR)
        assert await read("ERROR") == Error.BAD_RUN
        assert await read("ERROR_POSITION") == 0
        await write("RESET")
        assert await read("STATUS") == State.IDLE

    assert machine.run(host) == [("reset",)]


def test_settings_are_kept_and_do_not_change_during_a_run():
    machine = Machine(play_time=100)

    async def host(ctx, read, write, start, until):
        await start(1, base=128)
        await write("RUN_BASE", 0)
        await write("RUN_FLAGS", 0)
        await until(State.IDLE)
        assert [await read(name) for name in (
            "RUN_BASE", "RUN_BEATS", "RUN_COUNT", "RUN_FLAGS", "RUN_RESET", "RUN_ACTIVE")] \
            == [128, 32, 1, RunFlags.TOKENS, 0, 0b101]

    machine.run(host)


def plays(log):
    """Return the masks of the plays, after checking that each play keeps to its mask."""
    begun = [entry[1] for entry in log if entry[0] == "begin"]
    for name in "clear", "finish":
        assert [entry[1] for entry in log if entry[0] == name] == begun
    return begun


@pytest.mark.parametrize("seed", range(5))
def test_slots_join_and_leave_at_token_boundaries(seed):
    """What the host asks for holds from the next boundary on, and is told."""
    machine = Machine(seed=seed, play_time=60)
    rng = Random(seed)

    async def host(ctx, read, write, start, until):
        await start(0, active=0)
        await until(State.WAITING)
        for _ in range(12):
            reset, active = rng.randrange(8), rng.randrange(8)
            before = len(machine.log)
            await write("RUN_RESET", reset)
            await write("RUN_ACTIVE", active)
            while await read("RUN_RESET") or await read("PLAY_ACTIVE") != active:
                await ctx.tick()
            resets = [entry[1] for entry in machine.log[before:] if entry[0] == "reset"]
            assert resets == [reset] * bool(reset)
            before = len(machine.log)
            await ctx.tick().repeat(rng.randrange(300))
            assert {entry[1] for entry in machine.log[before:] if entry[0] == "begin"} <= {active}
        await write("STOP")
        await until(State.IDLE)
        assert await read("PLAY_ACTIVE") == 0

    masks = plays(machine.run(host))
    assert 0 not in masks and len(set(masks)) > 2


def test_a_slot_without_token_is_left_out_or_waited_for():
    machine = Machine()
    machine.able = 0b011

    async def host(ctx, read, write, start, until):
        await start(2, active=0b110)
        await until(State.IDLE)
        assert plays(machine.log) == [0b010] * 2
        for flags in RunFlags.TOGETHER, RunFlags.CHAIN:
            machine.able = 0b011
            machine.log.clear()
            await start(2, active=0b110, flags=RunFlags.TOKENS | flags)
            await until(State.WAITING)
            await ctx.tick().repeat(50)
            assert plays(machine.log) == []
            machine.able = 0b111
            await until(State.IDLE)
            assert plays(machine.log) == [0b110] * 2

    machine.run(host)


def test_feedback_and_source():
    machine = Machine(play_time=100)

    async def host(ctx, read, write, start, until):
        dut = machine.dut
        await write("RUN_FEEDBACK", 0b110)
        await write("RUN_SOURCE", 2)
        await start(1)
        assert ctx.get(dut.feedback) == 0b110 and not ctx.get(dut.chained)
        await until(State.IDLE)
        await start(1, flags=RunFlags.TOKENS | RunFlags.CHAIN)
        await ctx.tick().repeat(50)
        # The source of the next play is none of this one's business.
        await write("RUN_SOURCE", 1)
        await ctx.tick().repeat(5)
        assert ctx.get(dut.chained) and ctx.get(dut.source) == 2 and ctx.get(dut.feedback) == 0
        await until(State.IDLE)
        assert await read("RUN_SOURCE") == 1

    machine.run(host)


def test_resets_add_up_during_a_run():
    machine = Machine(play_time=200)

    async def host(ctx, read, write, start, until):
        await write("RUN_RESET", 1)
        await write("RUN_RESET", 2)
        assert await read("RUN_RESET") == 2
        await start(2)
        await ctx.tick().repeat(60)
        await write("RUN_RESET", 1)
        await write("RUN_RESET", 4)
        assert await read("RUN_RESET") == 5
        await until(State.IDLE)

    log = [entry for entry in machine.run(host) if entry[0] in ("reset", "begin")]
    assert log == [("reset", 0), ("begin", 0b101), ("reset", 5), ("begin", 0b101)]


def test_queues_are_emptied():
    machine = Machine()

    async def host(ctx, read, write, start, until):
        await write("QUEUE_CLEAR", 0b110)
        await ctx.tick().repeat(4)

    assert machine.run(host) == [("empty", 0b110)]


def test_converts():
    rtlil.convert(RunControl(config=preset("ulx3s")), name="run_control")
