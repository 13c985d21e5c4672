"""The core's side of a memory, for cocotb benches: all streams at once, stalls, an array."""

from random import Random

from cocotb.triggers import RisingEdge

from cocotb_support import start_clock

__all__ = ["Core", "connect_core"]


class Core:
    """The core's side of the memory signature of ``dut``, with ``addr_width`` bits of address.

    held : dict, beat address to what was written there; a module's tests share it
    """

    def __init__(self, dut, addr_width, held):
        self.dut, self.addr_width, self.held = dut, addr_width, held
        self.size = 1 << addr_width
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
                    self.held[at % self.size] = next(wdata)
                else:
                    rdata.append(self.held[at % self.size])
        return rdata

    def tape(self, commands):
        """Return what tape commands must give."""
        return [self.held[at % self.size] for addr, beats in commands
                for at in range(addr, addr + beats)]

    def check(self, moved, *, tape=(), rdata=()):
        assert [payload for _, payload in moved["data"]] == self.tape(tape)
        assert [payload for _, payload in moved["rdata"]] == list(rdata)
        self.check_chip()

    def check_chip(self):
        assert int(self.dut.violations.value) == 0, (
            f"rule {int(self.dut.violation_code.value)} violated")


async def connect_core(dut, addr_width, held):
    """Start the clock, and idle on all streams; return the :class:`Core`."""
    core = Core(dut, addr_width, held)
    for name in ("tape", "burst", "wdata"):
        core.signal(f"{name}__valid").value = 0
    for name in ("data", "rdata"):
        core.signal(f"{name}__ready").value = 0
    core.signal("cancel").value = 0
    start_clock(dut)
    await RisingEdge(dut.clk)
    return core
