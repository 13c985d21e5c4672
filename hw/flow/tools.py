"""Programs that build things, run with their output in a log."""

import os
import subprocess

__all__ = ["BuildError", "run_tool"]


class BuildError(Exception):
    """A tool is missing or failed; the message is one sentence for the user."""


def run_tool(command, log, *, message, env=None, folder=None, on_line=None):
    """Run one tool and append its output to ``log``; where it fails, raise ``message``.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    log : :class:`pathlib.Path`
        Takes the command and what it prints.
    message : :class:`str`
        Beginning of the sentence for a failure.
    env : :class:`dict`
        Additions to the environment.
    folder : path
        Where to run it.
    on_line : callable
        Called with each line of output, without its end, as it comes. The tool is ended where it
        raises an exception.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    output = [b"$ " + " ".join(command).encode() + b"\n"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **(env or {})}, cwd=folder)
    try:
        with process.stdout:
            for line in process.stdout:
                output.append(line)
                if on_line:
                    on_line(line.decode(errors="replace").rstrip())
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        # At once: tools that run at the same time share a log.
        with open(log, "ab") as file:
            file.write(b"".join(output))
    if process.returncode:
        raise BuildError(f"{message}: its output is in {log}.")
