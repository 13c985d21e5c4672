"""The trainer's tests need PyTorch, which only the `train` extra installs."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
