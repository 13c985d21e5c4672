"""`trine generate` on several slots: many texts, and drafts."""

import json

import pytest

from checkpoints import TINY_PATH
from command_line import refused, run
from trine.firmware.config import PRESETS
from trine.host.scheduler import Scheduler

GOLDEN = ["--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH)]
SLOTS = ["--device", "golden", "--preset", "three", "-m", str(TINY_PATH)]


@pytest.fixture
def three(monkeypatch):
    """Add a preset of three slots."""
    monkeypatch.setitem(PRESETS, "three", PRESETS["tiny"].replace(name="three", slots=3))


@pytest.mark.parametrize("on_board", [[], ["--sample-on-board"]])
def test_several_prompts_give_the_text_of_each_alone(capsys, three, on_board):
    options = ["-n", 14, "--seed", 5, "--stop", "q", *on_board]
    prompts = ["abc", "x", "hello there", "a", "the end of it"]
    code, out, err = run(capsys, "generate", *SLOTS, *options,
                         *(part for prompt in prompts for part in ("-p", prompt)))
    alone = [run(capsys, "generate", *GOLDEN, "-p", prompt, *options)[1] for prompt in prompts]

    assert code == 0
    assert out == "".join(f"--- {n + 1} of 5, seed 5\n{text}" for n, text in enumerate(alone))
    assert "5 texts, " in err and "tokens a play of 3 slots" in err


def test_parallel_texts_have_consecutive_seeds(capsys, three):
    options = ["-p", "abc", "-n", 9, "--ignore-eos"]
    code, out, _ = run(capsys, "generate", *SLOTS, *options, "--seed", 7, "--parallel", 4, "--json")
    report = json.loads(out)

    assert code == 0 and report["slots"] == 3
    assert [text["seed"] for text in report["texts"]] == [7, 8, 9, 10]
    for text in report["texts"]:
        alone = run(capsys, "generate", *GOLDEN, *options, "--seed", text["seed"])[1]
        assert text["text"] + "\n" == alone and text["generated_tokens"] == 9


@pytest.mark.parametrize("options", [["--temp", 0], ["--sample-on-board"], ["--top-k", 0]])
def test_speculation_gives_the_same_text(capsys, three, options):
    options = ["-p", "abcdabcdabcd", "-n", 20, "--seed", 2, "--ignore-eos",
               *options]
    plain = run(capsys, "generate", *GOLDEN, *options)[1]
    code, out, err = run(capsys, "generate", *SLOTS, *options, "--speculate")

    assert code == 0 and out == plain and "drafted tokens accepted" in err
    report = json.loads(run(capsys, "generate", *SLOTS, *options, "--speculate", 1, "--json")[1])
    assert report["text"] + "\n" == plain
    assert report["plays"] == report["generated_tokens"] - report["accepted"]


def test_ctrl_c_among_several_texts(capsys, three, monkeypatch):
    step, seen = Scheduler.step, []

    def interrupted(self):
        seen.append(self)
        if len(seen) == 6:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Scheduler, "step", interrupted)
    code, out, err = run(capsys, "generate", *SLOTS, "-p", "ab", "-p", "b", "--ignore-eos")

    assert code == 130 and "Traceback" not in err and "2 texts" in err
    assert out.startswith("--- 1 of 2, seed ") and "\n--- 2 of 2, seed " in out
    assert seen[0].board.transport.read(0) == b"" and seen[0].idle


@pytest.mark.parametrize(("preset", "options", "message"), [
    (GOLDEN, ["--speculate"], "Speculation needs two slots or more, this board has one; go"),
    (SLOTS, ["--speculate", 3], "A draft of 3 tokens needs 4 slots, this board has 3; draft 2 at"),
    (SLOTS, ["--speculate", "--parallel", 2], "--speculate gives the slots of a board to one"),
    (SLOTS, ["--speculate", 16], "argument --speculate: must be a whole number from 1 to 15"),
    (SLOTS, ["--parallel", 0], "argument --parallel: must be a whole number"),
    (SLOTS, ["-p", "a", "-p", "Ünder"], "Character 'Ü' at position 0 is not in the model's"),
    (SLOTS, ["-p", "a", "-p", "b", "--sample-on-board", "--temp", 0.001], "Temperature 0.001 is"),
])
def test_bad_input_gets_one_sentence(capsys, three, preset, options, message):
    assert message in refused(capsys, "generate", *preset, *options)
