"""The command line: JSON, text on stdout alone, and one sentence for every kind of bad input."""

import json
import re

import pytest

from checkpoints import TINY_PATH
from command_line import refused, run
from trine.host.model import shipped_model

GOLDEN = ["--device", "golden", "--preset", "tiny", "-m", str(TINY_PATH)]


def test_text_goes_to_stdout_and_the_report_to_stderr(capsys):
    code, out, err = run(capsys, "generate", *GOLDEN, "-p", "hello", "-n", 8, "--seed", 3,
                         "--ignore-eos")

    assert code == 0 and out.startswith("hello") and out.endswith("\n")
    assert len(out) <= len("hello") + 8 + 1
    assert "6 prompt tokens, 8 generated, seed 3" in err
    assert "no speed to report" in err


def test_json_is_one_object_and_nothing_else(capsys):
    code, out, _ = run(capsys, "generate", *GOLDEN, "-p", "a", "-n", 4, "--temp", 0, "--json")
    report = json.loads(out)

    assert code == 0 and out.count("\n") == 1
    assert {"text", "prompt_tokens", "generated_tokens", "cycles_per_token", "roofline",
            "clock_hz", "clock_source", "tokens_per_second", "watts", "joules_per_token",
            "host_wait_cycles", "simulated_cycles_per_second"} <= set(report)
    assert report["prompt_tokens"] == 2 and report["cycles_per_token"] is None


def test_a_seed_repeats_the_text(capsys):
    def text(*options):
        return run(capsys, "generate", *GOLDEN, "-p", "x", "-n", 12, *options)[1]

    assert text("--seed", 5) == text("--seed", 5) != text("--seed", 6)
    assert text("--seed", 5, "--top-k", 0) != ""
    assert text("--temp", 0) == text("--temp", 0, "--sample-on-board")
    board = text("--seed", 5, "--sample-on-board")
    assert board == text("--seed", 5, "--sample-on-board") != text("--seed", 6, "--sample-on-board")


def test_random_seed_is_printed(capsys):
    _, first, err = run(capsys, "generate", *GOLDEN, "-p", "x", "-n", 12)
    seed = err.split("seed ")[1].split()[0]

    assert run(capsys, "generate", *GOLDEN, "-p", "x", "-n", 12, "--seed", seed)[1] == first


def test_stop_text_ends_the_output(capsys):
    whole = run(capsys, "generate", *GOLDEN, "-p", "x", "-n", 20, "--seed", 1, "--ignore-eos")[1]
    stop = whole[5:7]
    text = run(capsys, "generate", *GOLDEN, "-p", "x", "-n", 20, "--seed", 1, "--ignore-eos",
               "--stop", stop)[1]

    assert text == "x" + whole[1:].split(stop)[0] + "\n"


def test_empty_prompt_starts_from_the_begin_token(capsys):
    code, out, _ = run(capsys, "generate", *GOLDEN, "-p", "", "-n", 3, "--json")

    assert code == 0 and json.loads(out)["prompt_tokens"] == 1


def test_prompt_longer_than_the_queue(capsys):
    prompt = "abcdefg " * 9
    short, long = (run(capsys, "generate", *GOLDEN, "-p", prompt, "-n", 4, "--temp", 0, *option)[1]
                   for option in ([], ["--sample-on-board"]))

    assert short == long and short.startswith(prompt)


def test_ctrl_c_ends_the_text_and_still_reports(capsys, monkeypatch):
    from trine.host.tokenizer import StreamDecoder
    feed, seen = StreamDecoder.feed, []

    def interrupted(self, token):
        seen.append(token)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return feed(self, token)

    monkeypatch.setattr(StreamDecoder, "feed", interrupted)
    code, out, err = run(capsys, "generate", *GOLDEN, "-p", "ab", "--ignore-eos")

    assert code == 130 and out.startswith("ab") and out.endswith("\n")
    assert "3 prompt tokens, 4 generated" in err and "Traceback" not in err


def test_selftest_passes_on_the_golden_model(capsys):
    code, out, _ = run(capsys, "selftest", *GOLDEN, "--tokens", 12, "--json")

    assert code == 0
    result = json.loads(out)
    assert result.pop("memory")["errors"] == 0
    assert result == {"tokens": 12, "mismatches": 0, "first_mismatch": None, "state_equal": True,
                      "sdram_violations": None, "phase": None, "fault": None}


def test_inspect(capsys):
    code, out, _ = run(capsys, "inspect", "-m", TINY_PATH, "--preset", "tiny", "--tape", "token")
    assert code == 0 and "fraction bits" in out and "MATVEC" in out and out.rstrip().endswith("END")

    code, out, _ = run(capsys, "inspect", "-m", TINY_PATH, "--preset", "tiny", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["ternary_weights"] == 2 * (4 * 24**2 + 3 * 24 * 52) + 29 * 24
    assert facts["memory_missing"] == 0


def test_inspect_counts_block_rams(capsys):
    code, out, _ = run(capsys, "inspect", "-m", shipped_model("ulx3s"), "--preset", "onchip")
    assert code == 0 and re.search(r"DOES NOT FIT: [\d,]+ bytes .* block RAMs of 2 KiB", out)
    assert "145 tape memory" in out and "the image takes 463 at 2 KiB each" in out

    _, out, _ = run(capsys, "inspect", "--json")
    rams = json.loads(out)["block_rams"]
    assert rams["vector memory, two copies"] == 8 and "tape memory" not in rams


@pytest.mark.parametrize(("arguments", "message"), [
    (["generate", "-m", "nowhere"], "Model file nowhere does not exist"),
    (["generate", "-n", "many"], "argument -n/--predict: must be a whole number"),
    (["generate", "--temp", "-1"], "argument --temp: must be a number from 0 to 100"),
    (["generate", "--top-p", "2"], "argument --top-p: must be a number from 0 to 1"),
    (["generate", "--top-k", "-3"], "argument --top-k"),
    (["generate", "--seed", "-2"], "argument -s/--seed"),
    (["generate", "--clock", "0"], "argument --clock"),
    (["generate", "--preset", "huge"], "argument --preset: invalid choice"),
    (["generate", "--device", "/dev/nothing"], "serial port /dev/nothing does not exist"),
    (["generate", *GOLDEN, "-p", "Ünder"], "Character 'Ü' at position 0 is not in the model's"),
    (["generate", "--device", "golden", "--preset", "tiny"], "The model needs 480 columns"),
    (["selftest", *GOLDEN, "--tokens", "0"], "argument --tokens"),
    (["selftest", *GOLDEN, "--memory", "-1"], "argument --memory: must be a whole number from 0"),
    (["selftest", *GOLDEN, "--phase-sweep"], "cannot be shifted; only boards with an SDRAM"),
    (["selftest", *GOLDEN, "--text", "nowhere.txt"], "nowhere.txt"),
    (["nonsense"], "invalid choice: 'nonsense'"),
])
def test_bad_input_gets_one_sentence(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


def test_text_too_short_for_the_selftest(capsys, tmp_path):
    (tmp_path / "short.txt").write_text("abc")

    assert "has only 4 tokens" in refused(capsys, "selftest", *GOLDEN, "--text",
                                          tmp_path / "short.txt", "--tokens", 9)
