"""The README shows what `make generate` prints."""

import re
from pathlib import Path

from trine.host.cli import main

ROOT = Path(__file__).resolve().parents[2]


def shown():
    """Return the text that the README shows, and the report below it."""
    block = re.search(r"<!-- generate -->\n```\n(.*?)\n```\n<!-- /generate -->",
                      (ROOT / "README.md").read_text(), re.DOTALL)[1]
    command, _, output = block.partition("\n")
    assert command == "$ make generate"
    text, _, report = output.rpartition("\n\n")
    return text, report


def make_options():
    """Return the options that `make generate` gives to the command."""
    line, = re.findall(r"trine generate (.*?) \$\(ARGS\)", (ROOT / "Makefile").read_text())
    return line.split()


def test_readme_shows_the_text_of_make_generate(capsys):
    """On the golden device, which other tests prove equal to the simulated board."""
    assert main(["generate", *make_options(), "--device", "golden"]) == 0

    assert capsys.readouterr().out.strip() == shown()[0].strip()


def test_readme_shows_a_report():
    assert re.search(r"cycles a token, .*% of the memory's roofline", shown()[1])
    assert "assumed clock" in shown()[1] and "estimated" in shown()[1]
