"""The simulated board of a configuration, built once and kept."""

import dataclasses
import json
from pathlib import Path

from trine.hw.flow.cache import digest, digest_files, stored
from trine.hw.flow.verilog import to_verilog

from .board_gateware import BoardGateware
from .simulated import HARNESS
from .verilator import build

__all__ = ["board_library", "board_sources"]

_SIM = Path(__file__).parent
_ROOT = _SIM.parent


def board_sources(config, **board):
    """Return the Verilog of the simulated board, text by file name."""
    return {"simulated_board.v": to_verilog(BoardGateware(config=config, **board),
                                            name="simulated_board"),
            **{name: (_SIM / name).read_text() for name in ("sdram_chip.v", "paced_memory.v")}}


def board_library(config, *, trace=False, progress=None, **board):
    """Return the path of the shared library; see :func:`trine.sim.verilator.build`.

    ``board`` are further arguments of :class:`BoardGateware`, plain values.
    Converting the gateware to Verilog takes seconds, so the library is found by a digest of the
    Python it is generated from.
    """
    fields = json.dumps(dataclasses.asdict(config), sort_keys=True)
    key = digest(fields, str(trace), repr(sorted(board.items())),
                 digest_files(_ROOT / "hw", _ROOT / "firmware", _SIM))

    def make(folder):
        if progress:
            progress("converting the gateware to Verilog", 0, 100)
        library = build(board_sources(config, **board), [HARNESS], top="simulated_board",
                        trace=trace, progress=progress)
        (folder / "library").write_text(str(library))

    return Path((stored("board", key, make) / "library").read_text())
