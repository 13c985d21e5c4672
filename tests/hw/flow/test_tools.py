"""Tools: their output in a log and by the line, one sentence where they fail."""

import sys

import pytest

from trine.hw.flow.tools import BuildError, run_tool


def script(text):
    return [sys.executable, "-c", text]


def test_output_goes_to_the_log_and_by_the_line(tmp_path):
    lines, log = [], tmp_path / "logs" / "tool.log"
    run_tool(script("import os; print('one'); print(os.environ['X'], os.getcwd())"), log,
             message="No", env={"X": "two"}, folder=tmp_path, on_line=lines.append)

    assert lines == ["one", f"two {tmp_path}"]
    assert log.read_text().startswith(f"$ {sys.executable} -c ")
    assert log.read_text().endswith(f"one\ntwo {tmp_path}\n")


def test_failure_is_one_sentence_with_the_log(tmp_path):
    log = tmp_path / "tool.log"
    with pytest.raises(BuildError, match=f"^The tool failed: its output is in {log}.$"):
        run_tool(script("import sys; sys.exit('broken')"), log, message="The tool failed")

    assert log.read_text().endswith("broken\n")


def test_tool_is_ended_where_a_line_is_refused(tmp_path):
    def refuse(line):
        raise ValueError(line)

    with pytest.raises(ValueError, match="too big"):
        run_tool(script("import time; print('too big', flush=True); time.sleep(600)"),
                 tmp_path / "tool.log", message="No", on_line=refuse)
