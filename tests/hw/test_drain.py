import numpy as np
import pytest
from amaranth.back import rtlil

from bench import latency, run, transfers
from trine.firmware.config import PRESETS
from trine.hw.drain import Drain
from trine.sim.golden.drain import drain
from vector_commands import beats, trimmed


def tiles(config, matrices):
    """Cut sums (slots, rows) into tiles; lanes beyond the last row hold rubbish."""
    for sums in matrices:
        for row in range(0, sums.shape[1], config.lanes):
            rows = min(config.lanes, sums.shape[1] - row)
            lanes = np.full((config.slots, config.lanes), -77)
            lanes[:, :rows] = sums[:, row:row + rows]
            yield {"sums": lanes.tolist(), "row": row, "rows": rows,
                   "last": row + rows == sums.shape[1]}


def expected(config, matrices, active):
    for sums in matrices:
        order = zip(*(part.tolist() for part in drain(sums, config.lanes, active)))
        found = list(beats(order, config.vector_lanes, "sums"))
        for n, beat in enumerate(found):
            yield beat | {"last": n == len(found) - 1}


def mask(active):
    return sum(1 << slot for slot, on in enumerate(active) if on)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("lanes, vector_lanes, active", [
    (5, 1, [True]),
    (20, 1, [True]),
    (5, 1, [True, True, True]),
    (10, 1, [False, True, False]),
    (5, 1, [True, False, True]),
    (10, 2, [True]),
    (20, 4, [True]),
    (20, 4, [True, False, True]),
    (40, 8, [True, True]),
])
def test_equals_golden(lanes, vector_lanes, active, stall):
    config = PRESETS["tiny"].replace(lanes=lanes, vector_lanes=vector_lanes, slots=len(active))
    rng = np.random.default_rng(lanes)
    limit = 1 << config.acc_width - 1
    matrices = [rng.integers(-limit, limit, (len(active), rows))
                for rows in (1, lanes - 1, lanes, lanes + 3, 2 * lanes + 1)]
    matrices[2][:, 0], matrices[2][:, -1] = -limit, limit - 1
    outputs = list(expected(config, matrices, active))
    found = run(Drain(config=config), {"tile": list(tiles(config, matrices))},
                {"sums": len(outputs)}, pins={"active": mask(active)}, stall=stall, seed=lanes)
    assert [trimmed(beat, "sums") for beat in found["sums"]] == outputs


def test_latency_and_one_beat_a_clock():
    config = PRESETS["tiny"].replace(lanes=5, slots=3)
    payloads = list(tiles(config, [np.arange(30).reshape(3, 10)]))
    # A tile is taken when the last of its sums is read, here 15 clocks after it is offered.
    assert latency(Drain(config=config), {"tile": payloads[:1]}, i="tile", o="sums",
                   pins={"active": 0b111}) == Drain.latency - 15
    moved = transfers(Drain(config=config), {"tile": payloads}, {"sums": 20},
                      pins={"active": 0b101}, stall=0.0)
    cycles = [cycle for cycle, _ in moved["sums"]]
    # One sum a clock, and one clock between tiles.
    assert cycles == [cycles[0] + n + n // 10 for n in range(20)]
    config = config.replace(lanes=20, vector_lanes=4)
    payloads = list(tiles(config, [np.arange(111).reshape(3, 37)]))
    moved = transfers(Drain(config=config), {"tile": payloads}, {"sums": 20},
                      pins={"active": 0b101}, stall=0.0)
    cycles = [cycle for cycle, _ in moved["sums"]]
    assert cycles == [cycles[0] + n + n // 10 for n in range(20)]


def test_drops_tiles_without_active_slot():
    config = PRESETS["tiny"].replace(lanes=5, slots=2)
    assert run(Drain(config=config), {"tile": list(tiles(config, [np.ones((2, 12), int)]))},
               {"sums": 0}, pins={"active": 0}) == {"sums": []}


def test_converts():
    assert "sums__payload" in rtlil.convert(Drain(config=PRESETS["ulx3s"]))
