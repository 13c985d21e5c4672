"""SDRAMBanks: the commands it gives, clock by clock. Their effect is test_sdram.py's matter."""

import dataclasses

from bench import simulate
from conversion import convert
from trine.hw.memory.sdram_banks import SDRAMBanks
from trine.hw.memory.sdram_pins import Command
from trine.hw.memory.sdram_timing import SDRAMGeometry, SDRAMTiming

GEOMETRY = SDRAMGeometry(rows=16, cols=64)
CYCLES = SDRAMTiming(init=200_000).cycles(100_000_000)
ACTIVATE, PRECHARGE, REFRESH = Command.ACTIVATE, Command.PRECHARGE, Command.REFRESH
#: First clock after start-up: the wait, 8 refreshes, the mode.
STARTED = CYCLES.init + 1 + CYCLES.rp + 8 * CYCLES.rfc + 1


def banks(cycles=CYCLES):
    return SDRAMBanks(cycles=cycles, init_refreshes=8, geometry=GEOMETRY, burst_beats=8)


def at(row, bank, col=0):
    """Give the request for 8 beats from column ``col``."""
    return {"addr": row << 5 | bank << 3 | col >> 3, "write": 0, "tape": 1, "last": 0}


def watch(requests, clocks, *, stalled=False, cycles=CYCLES, restart=None):
    """Offer ``requests`` to a data bus that takes a burst every 8 clocks, or none if ``stalled``.

    In clock ``restart`` that strobe is given.
    Returns what was given, by clock: (command, bank, address), or ("burst", bank, column). Every
    burst must find its bank open, and no bank may be closed during a burst from it.
    """
    dut = banks(cycles)
    events = {}
    open_banks = set()

    async def testbench(ctx):
        queue = list(requests)
        ctx.set(dut.recovered, 1)
        runs = last_bank = 0
        for clock in range(clocks):
            ctx.set(dut.request.valid, bool(queue))
            if queue:
                ctx.set(dut.request.payload, queue[0])
            ctx.set(dut.running, runs > 0)
            ctx.set(dut.burst.ready, runs == 0 and not stalled)
            ctx.set(dut.restart, clock == restart)
            _, _, command, ba, a, taken, valid, burst = await ctx.tick().sample(
                dut.command, dut.ba, dut.a, dut.request.ready, dut.burst.valid, dut.burst.payload)
            if taken and queue:
                queue.pop(0)
            if valid and runs == 0 and not stalled:
                assert command == Command.NOP
                assert burst.bank in open_banks
                events[clock] = ("burst", burst.bank, burst.col)
                ctx.set(dut.running_bank, burst.bank)
                runs = 8
                last_bank = burst.bank
            elif command == ACTIVATE:
                open_banks.add(ba)
            elif command == PRECHARGE:
                every = a >> 10 & 1
                assert runs == 0 or (not every and ba != last_bank)
                open_banks.difference_update(range(GEOMETRY.banks) if every else [ba])
            runs = max(0, runs - 1)
            if command != Command.NOP:
                events[clock] = (command, ba, a)

    simulate(dut, testbench)
    return events


def test_starts_up_as_fast_as_permitted():
    first = CYCLES.init + 1
    refreshes = [first + CYCLES.rp + n * CYCLES.rfc for n in range(8)]
    assert watch([], STARTED + 50) == {
        first: (PRECHARGE, 0, 1 << 10), **{clock: (REFRESH, 0, 0) for clock in refreshes},
        STARTED - 1: (Command.LOAD_MODE, 0, 0x33)}


def after_start(requests, clocks, **options):
    """Return what happens after start-up, by clocks from the first request looked at."""
    events = watch(requests, STARTED + clocks, **options)
    return {clock - STARTED: event for clock, event in events.items() if clock >= STARTED}


def test_opens_rows_behind_running_bursts():
    rcd, rp = CYCLES.rcd, CYCLES.rp
    first = SDRAMBanks.latency + max(CYCLES.mrd - 2, 0)
    events = after_start([at(1, 0), at(1, 0, 8), at(1, 1), at(2, 0)], 80)
    bursts = {clock: event for clock, event in events.items() if event[0] == "burst"}
    begin = first + rcd
    assert bursts == {
        begin: ("burst", 0, 0), begin + 8: ("burst", 0, 8), begin + 16: ("burst", 1, 0),
        # The same bank, another row: closed when the last burst from it is over; by then that is
        # two bursts ago, and nothing waits.
        begin + 24: ("burst", 0, 0)}
    opened = [(clock, event) for clock, event in events.items() if event[0] == ACTIVATE]
    assert [event for _, event in opened] == [(ACTIVATE, 0, 1), (ACTIVATE, 1, 1), (ACTIVATE, 0, 2)]
    closed, = (clock for clock, event in events.items() if event == (PRECHARGE, 0, 0))
    assert opened[0][0] == first
    assert opened[1][0] <= begin + 16 - rcd
    assert begin + 16 <= closed == opened[2][0] - rp
    assert opened[2][0] <= begin + 24 - rcd


def test_closes_no_row_that_is_in_use():
    """Two rows of a bank in turn: each waits for the burst before it to leave the bank."""
    events = after_start([at(1, 2), at(3, 2)], 60)
    (begin, _), (end, _) = ((clock, event) for clock, event in events.items()
                            if event[0] == "burst")
    closed, = (clock for clock, event in events.items() if event[0] == PRECHARGE)
    assert closed == begin + 8
    assert end == begin + 8 + CYCLES.rp + CYCLES.rcd


def test_stalled_bus_holds_one_burst_and_opens_one_row_more():
    events = after_start([at(1, 0), at(1, 1), at(1, 2)], 60, stalled=True)
    assert list(events.values()) == [(ACTIVATE, 0, 1), (ACTIVATE, 1, 1)]


def test_stalled_bus_keeps_the_row_of_the_waiting_burst():
    events = after_start([at(1, 0), at(2, 0)], 60, stalled=True)
    assert list(events.values()) == [(ACTIVATE, 0, 1)]


def test_next_row_does_not_delay_the_burst_ahead():
    """With a long tRCD the next ACTIVATE waits, for one timer serves both."""
    cycles = dataclasses.replace(CYCLES, rcd=7)
    events = after_start([at(1, 0), at(1, 1)], 60, cycles=cycles)
    first = SDRAMBanks.latency
    assert events[first] == (ACTIVATE, 0, 1)
    assert events[first + 7] == ("burst", 0, 0)


def test_refresh_closes_all_and_keeps_its_rate():
    requests = [at(1, 0, 8 * (n % 8)) for n in range(400)]
    events = after_start(requests, 3 * CYCLES.refi)
    refreshes = [clock for clock, event in events.items() if event[0] == REFRESH]
    assert len(refreshes) == 3
    for n, clock in enumerate(refreshes):
        assert events[clock - CYCLES.rp] == (PRECHARGE, 0, 1 << 10)
        assert events[clock + CYCLES.rfc] == (ACTIVATE, 0, 1)
        # Three bursts at most before it.
        due = (n + 1) * CYCLES.refi - STARTED
        assert due < clock - CYCLES.rp <= due + 3 * 8


def test_restart_gives_the_mode_again_behind_the_burst_under_way():
    when = STARTED + 10
    requests = [at(1, 0, 8 * (n % 8)) for n in range(12)]
    events = watch(requests, STARTED + 250, restart=when)
    after = [(clock, event) for clock, event in sorted(events.items()) if clock >= when]
    commands = [event[0] for _, event in after]
    begin = commands.index(PRECHARGE)
    first = after[begin][0]

    assert commands[:begin] == ["burst"] * begin and after[begin][1][2] == 1 << 10
    assert [(clock, event[0]) for clock, event in after[begin + 1:begin + 10]] == [
        *((first + CYCLES.rp + n * CYCLES.rfc, REFRESH) for n in range(8)),
        (first + CYCLES.rp + 8 * CYCLES.rfc, Command.LOAD_MODE)]
    assert after[begin + 9][1][1:] == (0, 0x33)
    # The row is opened anew, and no burst is lost.
    assert commands[begin + 10:begin + 12] == [ACTIVATE, "burst"]
    assert [event[0] for event in events.values()].count("burst") == 12


def test_converts():
    convert(banks())
