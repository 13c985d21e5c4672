"""cocotb bench: matrices of every shape through gearbox, code memory and array, against golden.

Run by test_ternary_array.py.
"""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from cocotb_support import drain, feed, parameters, start_clock
from trine.firmware.config import PRESETS
from trine.firmware.packing import pack_matrix
from trine.hw.ternary_array import ArrayCommand, TernaryArray
from trine.hw.vector_command import code_write_layout, sum_layout
from trine.sim.golden import drain as golden_drain
from trine.sim.golden.ternary_array import ternary_array
from vector_commands import beats, trimmed

CONFIG = PRESETS["ulx3s"].replace(**parameters())
LANES = CONFIG.vector_lanes


async def multiply(dut, shapes, *, stall, seed):
    """Multiply matrices of these (rows, cols) by random codes; return the clocks spent busy."""
    start_clock(dut)
    rng = np.random.default_rng(seed)
    codes = rng.integers(-127, 128, (CONFIG.slots, CONFIG.code_words), dtype=np.int8)
    commands, tape, expected = [], b"", []
    for rows, cols in shapes:
        at = int(rng.integers(0, CONFIG.code_words - cols))
        packed = pack_matrix(rng.integers(-1, 2, (rows, cols), dtype=np.int8), CONFIG.lanes)
        sums = ternary_array(codes[:, at:at + cols], packed, rows, CONFIG.lanes)
        commands.append({"code": at, "rows": rows, "cols": cols})
        tape += packed
        order = zip(*(part.tolist() for part in golden_drain.drain(sums, CONFIG.lanes)))
        stream = list(beats(order, LANES, "sums"))
        expected += [beat | {"last": n == len(stream) - 1} for n, beat in enumerate(stream)]

    # What a tape leaves over of its last word would be the first that the next test sees.
    word = CONFIG.word_bytes
    assert len(tape) % word == 0
    words = [int.from_bytes(tape[n:n + word], "little") for n in range(0, len(tape), word)]
    writes = [{"slot": slot, "row": row, "codes": part.tolist(), "more": (1 << LANES - 1) - 1}
              for slot in range(CONFIG.slots)
              for row, part in enumerate(codes[slot].reshape(-1, LANES))]

    dut.active.value = (1 << CONFIG.slots) - 1
    cocotb.start_soon(feed(dut, "words", 8 * word, words, stall=stall, seed=seed))
    await feed(dut, "codes", code_write_layout(CONFIG), writes, stall=0.0)

    clocks = 0

    async def count():
        nonlocal clocks
        while True:
            await RisingEdge(dut.clk)
            clocks += int(dut.busy.value)

    counter = cocotb.start_soon(count())
    cocotb.start_soon(feed(dut, "command", ArrayCommand, commands, stall=stall, seed=seed))
    moved = await drain(dut, "sums", sum_layout(CONFIG), len(expected), stall=stall, seed=seed)
    await RisingEdge(dut.clk)
    counter.cancel()
    assert [trimmed(beat, "sums") for beat in moved] == expected
    return clocks


@cocotb.test()
async def full_speed(dut):
    rows, cols = 45, 480
    clocks = await multiply(dut, [(rows, cols)], stall=0.0, seed=2)
    # Two changes of tiles behind the first tile, and the last tile's sums.
    last = -(-5 // LANES) * CONFIG.slots
    assert clocks == (TernaryArray.latency + TernaryArray.spread(CONFIG) + cols + 2 * (cols + 1)
                      + last - 1)


@cocotb.test()
async def stalls(dut):
    shapes = [(61, 480), (5, 33), (1, 3), (20, 192), (79, 7), (40, 1), (19, 64)]
    await multiply(dut, shapes, stall=0.4, seed=1)
