"""FoldedLanes: sums of random and extreme columns, where steps and changes come when they may."""

from random import Random

import numpy as np
import pytest
from amaranth import signed
from amaranth.back import rtlil
from amaranth.lib import data

from bench import simulate
from trine.firmware.config import PRESETS
from trine.firmware.packing import pack_matrix
from trine.hw.code_memory import CodeRead
from trine.hw.folded_lanes import FoldedLanes
from trine.hw.gearbox import Gearbox

FOLD = FoldedLanes.fold


def config_of(lanes, slots):
    return PRESETS["tiny"].replace(lanes=lanes, slots=slots, max_cols=256)


def sums_of(place, config, tiles, *, pause=0.0, seed=0):
    """Return the sums of tiles (codes (slots, cols), trits (lanes, cols)), each read when due."""
    dut = FoldedLanes(config=config)
    rng = Random(seed)
    # What is done in each clock: a step's bytes and codes, or a change, or nothing.
    clocks = []
    for codes, trits in tiles:
        packed = pack_matrix(trits, config.lanes)
        for at in range(-(-trits.shape[1] // FOLD) * FOLD):
            while rng.random() < pause:
                clocks.append((None, None, False))
            if at < trits.shape[1]:
                of_step = packed[at * config.step_bytes:][:config.step_bytes]
                clocks.append((of_step, codes[:, at].tolist(), False))
            else:
                # Rubbish where there is no column.
                clocks.append((None, rng.choices(range(-128, 128), k=config.slots), False))
        clocks.append((None, None, True))
    layout = data.ArrayLayout(data.ArrayLayout(signed(config.acc_width), config.lanes),
                              config.slots)
    results = []

    async def testbench(ctx):
        rubbish = int.from_bytes(rng.randbytes(config.step_bytes))
        due = []
        for now in range(len(clocks) + FoldedLanes.latency + 1):
            def at(delay, now=now):
                done = 0 <= now - delay < len(clocks)
                return clocks[now - delay] if done else (None, None, False)
            packed, codes, change = at(0)
            ctx.set(dut.step, codes is not None)
            ctx.set(dut.blank, codes is not None and packed is None)
            ctx.set(dut.change, change)
            packed = at(Gearbox.delay)[0]
            ctx.set(dut.packed, rubbish if packed is None else int.from_bytes(packed, "little"))
            codes = at(CodeRead.latency)[1]
            if codes is not None:
                ctx.set(dut.codes, codes)
            if change:
                due.append(now + FoldedLanes.latency)
            if now in due:
                results.append([list(slot) for slot in layout.from_bits(ctx.get(dut.sums))])
            await ctx.tick()

    simulate(place(dut), testbench)
    return results


def random_tiles(rng, config, columns):
    return [(rng.integers(-127, 128, (config.slots, cols)),
             rng.integers(-1, 2, (config.lanes, cols), dtype=np.int8)) for cols in columns]


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("lanes, slots", [(20, 1), (20, 3), (40, 2)])
def test_sums_are_exact(place, lanes, slots, pause):
    config = config_of(lanes, slots)
    tiles = random_tiles(np.random.default_rng(lanes), config, [4, 1, 8, 3, 2, 21, 16, 5])

    results = sums_of(place, config, tiles, pause=pause, seed=slots)

    assert results == [(codes @ trits.T.astype(np.int64)).tolist() for codes, trits in tiles]


@pytest.mark.parametrize("code", [-127, 127])
def test_extremes(place, code):
    # Every pair and four of equal and opposite signs, each in its own row, and the longest sum.
    config = config_of(20, 1)
    signs = np.array([[1, 1, 1, 1], [-1, -1, -1, -1], [1, -1, 1, -1], [-1, 1, -1, 1],
                      [1, 1, -1, -1], [-1, -1, 1, 1], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0],
                      [0, 0, 0, -1]], np.int8)
    trits = np.tile(np.vstack([signs, -signs]), 64)
    codes = np.full((1, 256), code)
    codes[0, 128:] = -127

    (result,) = sums_of(place, config, [(codes, trits)])

    assert result == (codes @ trits.T.astype(np.int64)).tolist()


def test_rejects_lanes_that_cannot_be_folded():
    with pytest.raises(ValueError, match="Folded lanes must be a multiple of 20, not 30"):
        FoldedLanes(config=config_of(30, 2))


def test_converts():
    assert "sums" in rtlil.convert(FoldedLanes(config=config_of(20, 2)))
