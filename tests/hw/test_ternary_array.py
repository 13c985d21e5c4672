from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from amaranth import Module
from amaranth.back import rtlil
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from bench import transfers
from cocotb_support import run_bench
from trine.firmware.config import PRESETS
from trine.firmware.packing import pack_matrix
from trine.hw.code_memory import CodeMemory
from trine.hw.gearbox import Gearbox
from trine.hw.ternary_array import ArrayCommand, TernaryArray
from trine.hw.vector_command import code_write_layout, sum_layout
from trine.sim.golden.drain import drain
from trine.sim.golden.ternary_array import ternary_array
from vector_commands import beats, trimmed


def config_of(lanes, slots, vector_lanes=1):
    return PRESETS["tiny"].replace(lanes=lanes, slots=slots, vector_lanes=vector_lanes)


class Tape:
    """The gearbox in front of the array: it has ``starve`` of the clocks too few bytes to offer."""

    def __init__(self, dut, data, *, starve=0.0, seed=0):
        self.dut = dut
        self.data = data
        self.starve = starve
        self.rng = Random(seed)
        self.taken = 0
        self.now = 0
        self.strobes = []  # of each clock: step, starved, blocked, busy

    async def testbench(self, ctx):
        dut, available = self.dut, 0
        taken = 0xA5
        while True:
            coming = available
            if self.rng.random() >= self.starve:
                # Bytes arrive; those that are there stay.
                most = min(4 * dut.config.word_bytes, len(self.data) - self.taken)
                coming = self.rng.randint(available, most) if self.starve else most
            # Behind what is available, rubbish.
            shown = self.data[self.taken:self.taken + available].ljust(dut.config.step_bytes,
                                                                       b"\xa5")
            ctx.set(dut.coming, coming)
            # They show a clock after they are taken.
            ctx.set(dut.data, taken)
            taken = int.from_bytes(shown[:dut.config.step_bytes], "little")
            _, _, take, *strobes = await ctx.tick().sample(
                dut.take, dut.step, dut.starved, dut.blocked, dut.busy)
            assert take <= available
            assert sum(strobes[:3]) <= 1 and bool(take) <= strobes[0]
            self.strobes.append(tuple(strobes))
            self.taken += take
            available = coming - take


def code_memory(dut, codes):
    """Model of the code memory: two clocks."""
    async def testbench(ctx):
        first = second = [0] * dut.config.slots
        while True:
            ctx.set(dut.codes.data, second)
            _, _, addr = await ctx.tick().sample(dut.codes.addr)
            first, second = codes[:, addr % codes.shape[1]].tolist(), first
    return testbench


def multiply(config, codes, matrices, *, active=None, stall=0.0, starve=0.0, seed=0,
             settle=16):
    """Multiply (code address, trits) by codes; compare with golden and return what moved when."""
    slots, lanes = config.slots, config.lanes
    active = [True] * slots if active is None else active
    commands, payloads, expected = [], [], []
    for at, trits in matrices:
        rows, cols = trits.shape
        commands.append({"code": at, "rows": rows, "cols": cols})
        payloads.append(pack_matrix(trits, lanes))
        sums = ternary_array(codes[:, at:at + cols], payloads[-1], rows, lanes)
        stream = list(beats(zip(*(part.tolist() for part in drain(sums, lanes, active))),
                            config.vector_lanes, "sums"))
        expected += [beat | {"last": n == len(stream) - 1} for n, beat in enumerate(stream)]

    dut = TernaryArray(config=config)
    tape = Tape(dut, b"".join(payloads), starve=starve, seed=seed)
    moved = transfers(dut, {"command": commands}, {"sums": len(expected)}, seed=seed,
                      pins={"active": sum(1 << n for n in range(slots) if active[n])},
                      stall={"sums": stall, "command": 0.0}, settle=settle,
                      background=[tape.testbench, code_memory(dut, codes)])
    assert [trimmed(payload, "sums") for _, payload in moved["sums"]] == expected
    assert tape.taken == len(tape.data)
    assert not tape.strobes[-1][3]
    return ([cycle for cycle, _ in moved["command"]], [cycle for cycle, _ in moved["sums"]],
            tape.strobes)


def random_codes(rng, config):
    return rng.integers(-127, 128, (config.slots, config.code_words), dtype=np.int8)


@pytest.mark.parametrize("stall, starve", [(0.0, 0.0), (0.5, 0.5), (0.8, 0.0), (0.0, 0.8)])
@pytest.mark.parametrize("lanes, vector_lanes, active", [
    (5, 1, [True]),
    (10, 1, [True]),
    (20, 1, [True]),
    (5, 1, [True, True, True]),
    (10, 1, [True, False, True]),
    (45, 1, [True, True]),
    (20, 4, [True]),
    (20, 4, [True, False, True]),
    (40, 1, [True, True]),
])
def test_equals_golden(lanes, vector_lanes, active, stall, starve):
    config = config_of(lanes, len(active), vector_lanes)
    rng = np.random.default_rng(lanes)
    shapes = [(1, 1), (lanes, 2), (lanes - 1, 17), (2 * lanes + 3, 1), (lanes + 3, 17),
              (lanes + 1, 2), (5, 3), (2 * lanes, 1)]
    matrices = [(int(rng.integers(0, config.code_words - cols)),
                 rng.integers(-1, 2, (rows, cols), dtype=np.int8)) for rows, cols in shapes]
    multiply(config, random_codes(rng, config), matrices, active=active, stall=stall,
             starve=starve, seed=lanes)


@pytest.mark.parametrize("slots, lanes", [(1, 5), (3, 5), (3, 20)])
def test_extremes(slots, lanes):
    # The longest row and the largest codes, all of one sign and alternating.
    config = config_of(lanes, slots).replace(max_cols=64)
    codes = np.full((slots, config.code_words), 127, np.int8)
    codes[:, 1::2] = -127
    codes[-1] = 127
    cols = config.max_cols
    trits = np.zeros((6, cols), np.int8)
    trits[0], trits[1], trits[3, ::2], trits[4, 1::2], trits[5, -1] = 1, -1, 1, -1, 1
    multiply(config, codes, [(0, trits), (1, trits)])


@pytest.mark.parametrize("lanes", [5, 20])
def test_no_active_slot(lanes):
    # The bytes are consumed all the same.
    config = config_of(lanes, 2)
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (12, 3), dtype=np.int8)
    multiply(config, random_codes(rng, config), [(0, trits)], active=[False, False],
             settle=60)


@pytest.mark.parametrize("slots, lanes, vector_lanes, cols", [
    (1, 5, 1, 40), (3, 5, 1, 40), (3, 20, 4, 40), (3, 20, 4, 41), (2, 40, 4, 47)])
def test_cycles(slots, lanes, vector_lanes, cols):
    # One clock a step, one for each change of tiles; the drain works beside it.
    config, rows = config_of(lanes, slots, vector_lanes), 13 * vector_lanes - 1
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (rows, cols), dtype=np.int8)
    (start,), sums, strobes = multiply(config, random_codes(rng, config), [(0, trits)])
    expected = []
    steps = TernaryArray.steps(config, cols)
    for tile in range(-(-rows // lanes)):
        first = (start + TernaryArray.latency + TernaryArray.spread(config) + steps
                 + tile * (steps + 1))
        beats_ = -(-min(lanes, rows - tile * lanes) // vector_lanes)
        expected += range(first, first + slots * beats_)
    assert sums == expected
    tiles = -(-rows // lanes)
    assert [sum(strobe) for strobe in zip(*strobes)][:3] == [tiles * steps, 0, 0]
    # Busy from the clock behind the command to the one in which the last sum is taken.
    assert sum(strobe[3] for strobe in strobes) == sums[-1] - start


def test_cycles_of_several_groups():
    # The last group is of 5 lanes only.
    config, rows, cols = config_of(45, 1), 47, 60
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (rows, cols), dtype=np.int8)
    (start,), sums, _ = multiply(config, random_codes(rng, config), [(0, trits)])
    assert TernaryArray.spread(config) == 2
    first = start + TernaryArray.latency + 2 + cols
    assert sums == [*range(first, first + 45), *range(first + cols + 1, first + cols + 3)]


def test_cycles_where_the_drain_holds_up_the_array():
    config, rows, cols = config_of(5, 3), 20, 2
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (rows, cols), dtype=np.int8)
    (start,), sums, strobes = multiply(config, random_codes(rng, config), [(0, trits)])
    firsts = sums[::15]
    assert firsts[0] == start + TernaryArray.latency + cols
    assert {after - before for before, after in pairwise(firsts)} == \
        {15 + TernaryArray.drain_gap}
    assert sum(strobe[2] for strobe in strobes) == 3 * (15 + TernaryArray.drain_gap - cols - 1)


def test_does_not_starve_while_the_last_tile_has_its_bytes():
    # Its steps take one byte of four, and no more come.
    config, cols = config_of(20, 1), 2
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (23, cols), dtype=np.int8)
    _, _, strobes = multiply(config, random_codes(rng, config), [(0, trits)])
    assert [sum(strobe) for strobe in zip(*strobes)][1] == 0


def test_counts_starved_clocks():
    config = config_of(10, 1)
    rng = np.random.default_rng(1)
    trits = rng.integers(-1, 2, (20, 30), dtype=np.int8)
    (start,), sums, strobes = multiply(config, random_codes(rng, config), [(0, trits)], starve=0.95)
    steps, starved, blocked, _ = (sum(strobe) for strobe in zip(*strobes))
    assert (steps, blocked) == (2 * 30, 0) and starved > 30
    assert sums[-1] - start == TernaryArray.latency + 2 * 30 + 1 + starved + 9


class Rack(wiring.Component):
    """The array between its neighbours, for the bench."""

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "words": In(stream.Signature(8 * config.word_bytes)),
            "codes": In(stream.Signature(code_write_layout(config))),
            "active": In(config.slots),
            "command": In(stream.Signature(ArrayCommand)),
            "sums": Out(stream.Signature(sum_layout(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.gearbox = gearbox = Gearbox(word_bytes=self.config.word_bytes,
                                                 out_bytes=self.config.step_bytes)
        m.submodules.memory = memory = CodeMemory(config=self.config)
        m.submodules.array = array = TernaryArray(config=self.config)
        connect(m, words=flipped(self.words), gearbox=gearbox.i)
        connect(m, codes=flipped(self.codes), memory=memory.write)
        connect(m, array=array.codes, memory=memory.read)
        connect(m, command=flipped(self.command), array=array.command)
        connect(m, array=array.sums, sums=flipped(self.sums))
        m.d.comb += [
            array.coming.eq(gearbox.coming),
            array.data.eq(gearbox.o_data),
            gearbox.take.eq(array.take),
            array.active.eq(self.active),
            self.busy.eq(array.busy),
        ]
        return m


@pytest.mark.parametrize("slots, vector_lanes", [(1, 1), (3, 4)])
def test_verilated(slots, vector_lanes):
    config = PRESETS["ulx3s"].replace(slots=slots, vector_lanes=vector_lanes)
    run_bench(Path(__file__).with_name("bench_ternary_array.py"), Rack(config=config), top="rack",
              values={"slots": slots, "vector_lanes": vector_lanes})


def test_converts():
    assert "sums__payload" in rtlil.convert(TernaryArray(config=PRESETS["ulx3s"]))
