"""The trainer's tests need PyTorch, which only the `train` extra installs."""

import importlib.util

import pytest

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small products gain nothing from a second thread, and lose much where cores are busy."""
    import torch

    torch.set_num_threads(1)
