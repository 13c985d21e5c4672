"""The commands of docs/your-own-model.md, from a text file to text on the simulated board."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from trine.host.cli import main

ROOT = Path(__file__).resolve().parents[2]
#: Budgets of the test, in place of the page's.
SMALLER = {"train": ["--tokens", "8192", "--batch", "8", "--window", "32", "--device", "cpu",
                     "--dim", "160", "--hidden-dim", "384"],
           "eval": ["--tokens", "200", "--board-tokens", "4"], "generate": ["-n", "8"]}


def commands():
    """Return the commands of the page's first block."""
    page = (ROOT / "docs/your-own-model.md").read_text()
    return [shlex.split(line) for line in re.search(r"```sh\n(.*?)```", page, re.S)[1].splitlines()]


@pytest.mark.slow
def test_from_a_text_file_to_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    words = "The fox ran over a hill and saw the hen by an egg".split()
    text = " ".join(rng.choice(words, 30000).tolist())
    seen = []
    (tmp_path / "book.txt").write_text(text)
    for command, *arguments in commands():
        assert command == "trine"
        name = arguments[0]
        assert main([*arguments, *SMALLER.get(name, [])]) == 0
        out = capsys.readouterr().out
        seen.append(name)
        if name == "eval":
            assert "0 tokens differ from golden" in out
        if name == "generate":
            assert out.startswith("The ")
    assert seen == ["train", "inspect", "eval", "trace", "generate"]
