"""Memory test and phase sweep on the simulated board: gateware, SDRAM chip and driver together."""

import pytest

from checkpoints import tiny_model
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.memory_check import check_addresses, check_memory
from trine.host.phase_sweep import sweep
from trine.host.simulated import SimulatedTransport

#: The tiny machine with an SDRAM.
CONFIG = preset("tiny").replace(memory_size=32 << 20)
SIZE = 16 << 10


def opened(config=CONFIG, **board):
    return Board(SimulatedTransport(config, **board), "assumed")


def test_sweep_finds_the_window_and_leaves_the_board_well():
    with opened(phase_window=(-9, 17)) as board:
        found = sweep(board, SIZE)
        assert (found.window, found.built, found.present) == ((-9, 17), 16, 0)
        # Nothing was left behind: not in the chip, not in the controller.
        assert check_addresses(board) == []
        check = check_memory(board, 256 << 10)
        assert check.errors == 0
        # Half of it would be one direction at a time, without a clock lost.
        assert 0.6 < check.bytes_per_second / 200e6 < 1
        model = tiny_model()
        board.upload(model.image(board.config))
        result = compare(board, model, [0, 3], 4, temperature=0, seed=1)
        assert result["mismatches"] == 0
        assert board.transport.violations == 0


@pytest.mark.slow
@pytest.mark.parametrize("window", [(3, 30), (-20, 0)])
def test_sweep_finds_other_windows(window):
    with opened(phase_window=window) as board:
        found = sweep(board, SIZE)
        errors = [found.errors[phase % 48] for phase in range(window[0] - 4, window[0] + 1)]

    assert found.window == window
    # Worse and worse, the further off.
    assert min(errors[:2]) > 0.99 * SIZE > max(errors[2:4]) and errors[2] > 0 == errors[4]


@pytest.mark.slow
def test_gateware_for_a_larger_chip():
    with opened(CONFIG.replace(memory_size=64 << 20), chip_size=32 << 20) as board:
        assert check_addresses(board) == [10]
        check = check_memory(board, 64 << 10)

    assert check.errors > 0 and board.config.memory_size == 64 << 20


@pytest.mark.slow
def test_gateware_for_a_smaller_chip():
    with opened(chip_size=64 << 20) as board:
        assert check_addresses(board) == []
        assert check_memory(board, 256 << 10).errors == 0
