"""The SDRAM controller with its chip on Verilator, against an array. Run by test_sdram.py.

One coroutine drives all streams and looks at them once a clock. The tests run one after the
other on the same chip, so a module keeps what the memory holds.
"""

from random import Random

import cocotb
from cocotb.triggers import RisingEdge

from cocotb_support import parameters, start_clock

#: What test_sdram.py says about the controller.
SETUP = parameters()
#: Beat address to what was written there.
HELD = {}


class Core:
    """The core's side of the memory signature."""

    def __init__(self, dut):
        self.dut = dut
        self.addr_width = SETUP["addr_width"]
        self.size = 1 << self.addr_width
        self.now = 0

    def signal(self, name):
        return getattr(self.dut, f"memory__{name}")

    def command(self, stream, command):
        """Pack a command into the stream's payload."""
        if stream == "tape":
            addr, beats = command
            return addr | beats << self.addr_width
        addr, beats, write = command
        return addr | beats << self.addr_width | write << (self.addr_width + 12)

    async def clocks(self, count):
        for _ in range(count):
            await RisingEdge(self.dut.clk)
        self.now += count

    async def run(self, *, tape=(), bursts=(), wdata=(), stall=None, seed=1, spare=64,
                  cancel_at=None, patience=4000):
        """Give all commands, collect all data, listen ``spare`` clocks longer.

        ``tape`` holds (addr, beats), ``bursts`` (addr, beats, write). ``stall`` is the probability
        by stream. Returns lists of (clock, payload) by stream, and the clocks of ``done``.
        """
        rng = Random(seed)
        stall = stall or {}
        queues = {"tape": [self.command("tape", command) for command in tape],
                  "burst": [self.command("burst", command) for command in bursts],
                  "wdata": list(wdata)}
        owed = {"data": sum(beats for _, beats in tape),
                "rdata": sum(beats for _, beats, write in bursts if not write)}
        moved = {name: [] for name in (*queues, *owed)}
        moved["done"] = []
        writes = sum(write and beats > 0 for _, beats, write in bursts)
        port = {name: (self.signal(f"{name}__valid"), self.signal(f"{name}__ready"),
                       self.signal(f"{name}__payload")) for name in (*queues, *owed)}
        done, cancel = self.signal("done"), self.signal("cancel")
        clk = self.dut.clk
        offered = dict.fromkeys(queues)
        taking = dict.fromkeys(owed, False)
        shown = dict.fromkeys(owed)
        begin, quiet, alive = self.now, 0, self.now

        while quiet < spare:
            for name, queue in queues.items():
                if offered[name] is None and queue and rng.random() >= stall.get(name, 0):
                    offered[name] = queue.pop(0)
                    port[name][2].value = offered[name]
                    port[name][0].value = 1
            for name in owed:
                taking[name] = rng.random() >= stall.get(name, 0)
                port[name][1].value = int(taking[name])
            if cancel_at is not None and self.now - begin >= cancel_at:
                # For a while; a command on offer is taken during it, and forgotten.
                cancel.value = int(self.now - begin < cancel_at + 40)
                queues["tape"].clear()

            await RisingEdge(clk)
            self.now += 1

            for name in queues:
                if offered[name] is not None and port[name][1].value:
                    moved[name].append((self.now, offered[name]))
                    offered[name] = None
                    alive = self.now
                    # Withdrawn after the edge, unless the next is offered above.
                    port[name][0].value = 0
            for name in owed:
                if port[name][0].value:
                    payload = int(port[name][2].value)
                    assert shown[name] is None or payload == shown[name], f"{name} changed"
                    shown[name] = payload
                    if taking[name]:
                        moved[name].append((self.now, payload))
                        shown[name] = None
                        alive = self.now
                else:
                    assert shown[name] is None, f"{name} withdrawn"
            if done.value:
                moved["done"].append(self.now)

            missing = [name for name in owed if len(moved[name]) < owed[name]]
            waiting = [name for name in queues if queues[name] or offered[name] is not None]
            if cancel_at is not None and self.now - begin > cancel_at:
                missing = []
            if not missing and not waiting and len(moved["done"]) >= writes:
                quiet += 1
            assert self.now - alive < patience, f"nothing moves; missing {missing} {waiting}"
        for name in owed:
            port[name][1].value = 0
        return moved

    def hold(self, bursts, wdata):
        """Run bursts on the array and return what they read."""
        wdata = iter(wdata)
        rdata = []
        for addr, beats, write in bursts:
            for at in range(addr, addr + beats):
                if write:
                    HELD[at % self.size] = next(wdata)
                else:
                    rdata.append(HELD[at % self.size])
        return rdata

    def tape(self, commands):
        """Return what tape commands must give."""
        return [HELD[at % self.size] for addr, beats in commands
                for at in range(addr, addr + beats)]

    def check(self, moved, *, tape=(), rdata=()):
        assert [payload for _, payload in moved["data"]] == self.tape(tape)
        assert [payload for _, payload in moved["rdata"]] == list(rdata)
        self.check_chip()

    def check_chip(self):
        assert int(self.dut.violations.value) == 0, (
            f"rule {int(self.dut.violation_code.value)} violated")


async def connect(dut):
    """Start the clock, and idle on all streams."""
    core = Core(dut)
    for name in ("tape", "burst", "wdata"):
        core.signal(f"{name}__valid").value = 0
    for name in ("data", "rdata"):
        core.signal(f"{name}__ready").value = 0
    core.signal("cancel").value = 0
    start_clock(dut)
    await RisingEdge(dut.clk)
    return core


def areas(core):
    """Two areas, as first beat and beats: over the end of the chip, and over banks and rows."""
    cols = SETUP["cols"]
    return (core.size - 2 * cols, 4 * cols), (core.size // 2 - cols // 2, 9 * cols)


@cocotb.test()
async def write_and_read_back(dut):
    core = await connect(dut)
    rng = Random(1)
    bursts = []
    for first, beats in areas(core):
        while beats:
            length = min(beats, 8 * rng.randint(1, 100))
            bursts.append((first % core.size, length, 1))
            first, beats = first + length, beats - length
    wdata = [rng.getrandbits(16) for _ in range(sum(beats for _, beats, _ in bursts))]
    moved = await core.run(bursts=bursts, wdata=wdata, patience=SETUP["init"] + 4000)
    assert len(moved["done"]) == len(bursts)
    core.hold(bursts, wdata)
    core.check_chip()
    # Writes run as fast as the chip: the commands take 2 clocks each, hidden behind the data.
    clocks = moved["wdata"][-1][0] - moved["wdata"][100][0]
    assert (len(wdata) - 101) / clocks > 0.95

    reads = [(addr, beats, 0) for addr, beats, _ in bursts[::4]]
    core.check(await core.run(bursts=reads), rdata=core.hold(reads, ()))


@cocotb.test()
async def linear_read_at_full_speed(dut):
    core = await connect(dut)
    # The last command wraps around the end of the chip.
    tape = [areas(core)[1]] * SETUP["plays"] + [areas(core)[0]]
    moved = await core.run(tape=tape)
    core.check(moved, tape=tape)
    clocks = moved["data"][-1][0] - moved["data"][0][0] + 1
    assert clocks > 20_000
    rate = len(moved["data"]) / clocks
    dut._log.info("linear read: %d beats in %d clocks, %.3f %%", len(moved["data"]), clocks,
                  100 * rate)
    assert rate >= SETUP["rate"]
    # Nothing but refresh interrupts it, and each refresh costs the same.
    gaps = [after - before - 1 for (before, _), (after, _) in
            zip(moved["data"], moved["data"][1:]) if after - before > 1]
    assert set(gaps) == {SETUP["refresh_cost"]}
    assert abs(len(gaps) - clocks / SETUP["refi"]) <= 1


@cocotb.test()
async def first_read_latency(dut):
    """Every refresh closes the banks; between them a read takes what the controller says."""
    core = await connect(dut)
    latencies = []
    for n in range(6):
        await core.clocks(SETUP["refi"] + 100)
        tape = [(areas(core)[1][0] + 8 * 77 * n, 8)]
        moved = await core.run(tape=tape)
        core.check(moved, tape=tape)
        latencies.append(moved["data"][0][0] - moved["tape"][0][0])
    assert min(latencies) == SETUP["latency"]
    # At worst a refresh goes first.
    assert max(latencies) <= SETUP["latency"] + SETUP["refresh_cost"]


@cocotb.test()
async def tape_with_stalls(dut):
    core = await connect(dut)
    rng = Random(2)
    first, beats = areas(core)[1]
    for stall in (0.02, 0.5, 0.9):
        tape = []
        for _ in range(6):
            start = 8 * rng.randrange(beats // 8)
            tape.append((first + start, min(beats - start, 8 * rng.randint(0, 60))))
        core.check(await core.run(tape=tape, stall={"data": stall, "tape": stall}), tape=tape)


def random_bursts(core, rng, count, area):
    """Bursts within ``area`` and data for the writes; many in the same bank, many single."""
    first, beats = area
    bursts = []
    for _ in range(count):
        start = 8 * rng.randrange(beats // 8)
        if rng.random() < 0.3:
            start = start % SETUP["cols"] + 4 * SETUP["cols"] * rng.randrange(2)
        length = min(beats - start, 8 * rng.choice((0, 1, 1, 1, 2, 5, 30)))
        bursts.append(((first + start) % core.size, max(0, length), rng.randint(0, 1)))
    wdata = [rng.getrandbits(16) for _ in range(sum(b[1] for b in bursts if b[2]))]
    return bursts, wdata


@cocotb.test()
async def random_bursts_with_stalls(dut):
    core = await connect(dut)
    rng = Random(3)
    for stall in ({}, {"rdata": 0.9}, {"wdata": 0.7}, {"burst": 0.9, "rdata": 0.3}):
        bursts, wdata = random_bursts(core, rng, 60, areas(core)[1])
        rdata = core.hold(bursts, wdata)
        core.check(await core.run(bursts=bursts, wdata=wdata, stall=stall), rdata=rdata)


@cocotb.test()
async def tape_and_bursts_together(dut):
    core = await connect(dut)
    rng = Random(4)
    second, first = areas(core)
    for stall in ({}, {"data": 0.3, "rdata": 0.6, "wdata": 0.3, "burst": 0.8}):
        tape = [(first[0] + 8 * n, 700) for n in (0, 13, 5, 100)]
        tape = [(addr, beats // 8 * 8) for addr, beats in tape]
        bursts, wdata = random_bursts(core, rng, 50, (second[0], second[1]))
        expected = core.tape(tape)
        rdata = core.hold(bursts, wdata)
        moved = await core.run(tape=tape, bursts=bursts, wdata=wdata, stall=stall)
        assert [payload for _, payload in moved["data"]] == expected
        core.check(moved, tape=tape, rdata=rdata)


@cocotb.test()
async def stalled_tape_lets_bursts_pass(dut):
    core = await connect(dut)
    first, _ = areas(core)[1]
    tape = [(first, 256)]
    bursts = [(areas(core)[0][0], 256, 0)]
    moved = await core.run(tape=tape, bursts=bursts, stall={"data": 0.97})
    core.check(moved, tape=tape, rdata=core.hold(bursts, ()))
    assert moved["rdata"][-1][0] < moved["data"][40][0]


@cocotb.test()
async def cancel(dut):
    core = await connect(dut)
    first, _ = areas(core)[1]
    for cancel_at in (0, 3, 5, 20, 301):
        tape = [(first, 512), (first, 512)]
        moved = await core.run(tape=tape, cancel_at=cancel_at, spare=100)
        got = [payload for _, payload in moved["data"]]
        # A prefix in whole bursts, and at most three bursts that were under way.
        assert got == core.tape(tape)[:len(got)]
        assert len(got) % 8 == 0
        assert len(got) <= cancel_at + 24
        assert core.signal("idle").value == 1
        tape = [(first + 64, 24)]
        core.check(await core.run(tape=tape), tape=tape)


@cocotb.test()
async def idle_is_refreshed(dut):
    core = await connect(dut)
    await core.clocks(20 * SETUP["refi"])
    core.check_chip()
    tape = [areas(core)[1]]
    core.check(await core.run(tape=tape), tape=tape)
