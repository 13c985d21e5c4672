"""Commands as a user gives them, and what they print."""

from trine.host.cli import main

__all__ = ["refused", "run"]


def run(capsys, *arguments):
    """Run a command; return (exit code, stdout, stderr without progress bars)."""
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys, *arguments):
    """Run a command that must fail; return its one sentence."""
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == ""
    assert "Traceback" not in err
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("trine: ")
    return lines[0]
