"""What the link's tests share: a board behind the link's ports, and commands for it."""

from random import Random

from bench import plain
from trine.firmware.protocol import EXCHANGES, KEEP_ADDRESS, Command, pack
from trine.sim.link_model import BoardModel

__all__ = ["LoggingBoard", "commands", "memory_behind", "registers_behind", "request"]


class LoggingBoard(BoardModel):
    """A board whose registers remember every access, and whose reads never repeat themselves."""

    def __init__(self, *, memory_size=1024, seed=0, **options):
        super().__init__(memory=bytearray(Random(seed).randbytes(memory_size)), **options)
        self.accesses = []

    def read_register(self, address):
        """Return what tells one read from every other."""
        self.accesses.append(("read", address))
        return (len(self.accesses) << 20 | address) * 0x9e3779b1 % (1 << 32)

    def write_register(self, address, word):
        """Remember the write."""
        self.accesses.append(("write", address, word))


def registers_behind(bus, board, *, seed=0, stall=0.5):
    """Return a background test bench that answers the register bus from ``board``."""
    rng = Random(f"{seed} registers")

    async def testbench(ctx):
        while True:
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(bus.request.ready, 1)
            _, _, valid, request = await ctx.tick().sample(bus.request.valid, bus.request.payload)
            ctx.set(bus.request.ready, 0)
            if not valid:
                continue
            request = plain(request)
            if request["write"]:
                board.write_register(request["addr"], request["data"])
                continue
            word = board.read_register(request["addr"])
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(bus.reply.payload, word)
            ctx.set(bus.reply.valid, 1)
            while not (await ctx.tick().sample(bus.reply.ready))[2]:
                pass
            ctx.set(bus.reply.valid, 0)
    return testbench


def memory_behind(port, board, *, beat_bytes, burst_beats, seed=0, stall=0.5):
    """Return a background test bench that serves the burst port from ``board.memory``."""
    rng = Random(f"{seed} memory")

    async def testbench(ctx):
        async def pause():
            while rng.random() < stall:
                await ctx.tick()

        async def take(stream):
            await pause()
            ctx.set(stream.ready, 1)
            valid = False
            while not valid:
                _, _, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
            ctx.set(stream.ready, 0)
            return plain(payload)

        while True:
            burst = await take(port.burst)
            assert burst["beats"] and burst["beats"] % burst_beats == 0, "not whole bursts"
            assert burst["addr"] % burst_beats == 0, "burst not aligned"
            for at in range(burst["addr"] * beat_bytes,
                            (burst["addr"] + burst["beats"]) * beat_bytes, beat_bytes):
                if burst["write"]:
                    beat = await take(port.wdata)
                    board.memory[at:at + beat_bytes] = beat.to_bytes(beat_bytes, "little")
                    continue
                await pause()
                beat = bytes(board.memory[at:at + beat_bytes])
                ctx.set(port.rdata.payload, int.from_bytes(beat, "little"))
                ctx.set(port.rdata.valid, 1)
                while not (await ctx.tick().sample(port.rdata.ready))[2]:
                    pass
                ctx.set(port.rdata.valid, 0)
            if burst["write"]:
                await pause()
                ctx.set(port.done, 1)
                await ctx.tick()
                ctx.set(port.done, 0)
    return testbench


def request(command, *values, data=b""):
    """Return a command and its payload."""
    return command, pack(EXCHANGES[command].request, *values) + data


def commands(rng, *, memory_size, burst_bytes, longest=3):
    """Yield commands without end, one in four of them wrong in one way or another."""
    bursts = memory_size // burst_bytes
    while True:
        length = burst_bytes * rng.randrange(1, longest + 1)
        at = burst_bytes * rng.randrange(bursts - longest + 1)
        register = rng.choice([rng.randrange(1 << 20), 0xffff8, 0,
                               KEEP_ADDRESS | rng.randrange(1 << 20)])
        count = rng.randrange(1, 7)
        yield rng.choice([
            request(Command.READ, register, count),
            request(Command.READ, register, count),
            request(Command.WRITE, register, data=rng.randbytes(4 * count)),
            request(Command.WRITE, register, data=rng.randbytes(4 * count)),
            request(Command.MEM_WRITE, at, data=rng.randbytes(length)),
            request(Command.MEM_WRITE, at, data=rng.randbytes(length)),
            request(Command.MEM_READ, at, length),
            request(Command.MEM_READ, at, length),
            request(Command.MEM_CRC, at, length),
            request(Command.MEM_CRC, at, length),
            request(Command.MEM_CRC, 0, memory_size),
            rng.choice([
                (rng.randrange(256), rng.randbytes(rng.randrange(12))),
                request(Command.READ, register, rng.choice([0, 257, 0x8001])),
                request(Command.READ, 1 << rng.randrange(20, 31), 1),
                request(Command.READ, 0xfffff, 2),
                request(Command.READ, 0, 1, data=b"x"),
                request(Command.WRITE, register, data=rng.randbytes(rng.choice([0, 1, 2, 3, 9]))),
                request(Command.WRITE, 0xfffff, data=bytes(8)),
                request(Command.MEM_WRITE, at, data=rng.randbytes(length - rng.randrange(1, 5))),
                request(Command.MEM_WRITE, at + 1, data=rng.randbytes(length)),
                request(Command.MEM_WRITE, memory_size, data=rng.randbytes(length)),
                request(Command.MEM_WRITE, 0xffffffff & -burst_bytes, data=rng.randbytes(length)),
                request(Command.MEM_READ, at, rng.choice([0, 1, 1024 + burst_bytes])),
                request(Command.MEM_READ, at + rng.randrange(1, burst_bytes), length),
                request(Command.MEM_READ, memory_size - burst_bytes, 2 * burst_bytes),
                request(Command.MEM_CRC, at, rng.choice([0, 8, 65536 + burst_bytes, 1 << 31])),
                request(Command.MEM_CRC, memory_size, burst_bytes),
                (rng.choice([*Command]), rng.randbytes(rng.randrange(12))),
            ]),
        ])
