"""The gateware on the simulated board, driven by the host: every token equals the golden model."""

import numpy as np
import pytest

from checkpoints import TINY_PATH, tiny_model
from trine.firmware.config import preset
from trine.firmware.registers import Counter
from trine.host.board import Board, BoardError
from trine.host.cli import main
from trine.host.commands.selftest import compare
from trine.host.generate import Generation
from trine.host.links import Transport
from trine.host.model import Model, shipped_model
from trine.host.report import Report
from trine.host.sampling import Sampling
from trine.host.simulated import SimulatedTransport


@pytest.fixture(scope="module")
def tiny():
    with Board(SimulatedTransport(preset("tiny")), "assumed") as board:
        board.upload(tiny_model().image(board.config))
        yield board


@pytest.fixture(scope="module")
def shipped():
    model = Model.load(shipped_model())
    with Board(SimulatedTransport(preset("ulx3s")), "assumed") as board:
        board.upload(model.image(board.config))
        yield board, model


@pytest.mark.parametrize("temperature", [0, 0.8])
def test_tiny_model_equals_golden(tiny, temperature):
    result = compare(tiny, tiny_model(), [0, 3, 9], 40, temperature=temperature, seed=11)

    assert result == {"tokens": 40, "mismatches": 0, "first_mismatch": None, "state_equal": True}


def test_prompt_longer_than_the_queue(tiny):
    tokens = [0, *np.random.default_rng(2).integers(1, 29, 50).tolist()]

    assert compare(tiny, tiny_model(), tokens, 51, temperature=0, seed=1)["mismatches"] == 0


def test_host_sampling_equals_golden(tiny):
    """Candidates and all logits, read from the board, lead to the text that golden gives."""
    def text(board, **settings):
        generation = Generation(board, tiny_model(), [0, 5, 6], 12, Sampling(seed=4, **settings))
        return list(generation)

    from trine.host.devices import open_board
    with open_board("golden", preset_name="tiny") as golden:
        golden.upload(tiny_model().image(golden.config))
        for settings in ({}, {"top_k": 0}, {"repeat_penalty": 1.3}):
            assert text(tiny, **settings) == text(golden, **settings)


def test_one_flipped_trit_is_found(tiny):
    model = tiny_model()
    image = tiny.image
    tape = image.tapes["token"]
    # The burst that holds the last weights of the head, one of its trits changed.
    start = (tape.base * tiny.config.memory_bytes + tape.size - 24) // 16 * 16
    burst = bytearray(image.data[start:start + 16])
    burst[0] = 1 if burst[0] != 1 else 2
    tiny.connection.memory_write(start, bytes(burst))
    try:
        assert compare(tiny, model, [0], 4, temperature=0, seed=1)["mismatches"] > 0
        with pytest.raises(BoardError, match="memory differs from the image"):
            tiny.check_image(image)
    finally:
        tiny.upload(image)
    assert compare(tiny, model, [0], 4, temperature=0, seed=1)["mismatches"] == 0


def test_stop_in_the_middle_leaves_nothing_behind(tiny):
    model = tiny_model()
    expected = list(Generation(tiny, model, [0, 7], 6, Sampling(temperature=0)))
    for stop_after in (0, 1, 2):
        generation = Generation(tiny, model, [0, 9, 4, 2], None, Sampling(), on_board=True)
        for n, _ in enumerate(generation):
            if n == stop_after:
                break
    assert list(Generation(tiny, model, [0, 7], 6, Sampling(temperature=0))) == expected


class Noisy(Transport):
    """A line that flips bits, loses bytes and adds some, both ways."""

    name = "a noisy line"
    keeps_memory = False

    def __init__(self, inner, seed):
        self.inner = inner
        self.rng = np.random.default_rng(seed)
        self.faults = 0
        self.pause = inner.pause

    def spoil(self, data):
        data = bytearray(data)
        if data and self.rng.random() < 0.2:
            self.faults += 1
            at = int(self.rng.integers(len(data)))
            match self.rng.integers(3):
                case 0:
                    data[at] ^= 1 << int(self.rng.integers(8))
                case 1:
                    del data[at]
                case 2:
                    data[at:at] = self.rng.bytes(3)
        return bytes(data)

    def write(self, data):
        self.inner.write(self.spoil(data))

    def read(self, timeout):
        return self.spoil(self.inner.read(min(timeout, 0.001)))

    def close(self):
        self.inner.close()


def test_noisy_line_changes_no_token():
    model = tiny_model()
    line = Noisy(SimulatedTransport(preset("tiny")), 5)
    with Board(line, "assumed") as board:
        board.connection.timeout = 0.002
        board.connection.retries = 50
        board.upload(model.image(board.config))
        result = compare(board, model, [0, 3, 9], 20, temperature=0, seed=1)
    assert line.faults > 10
    assert result["mismatches"] == 0


def test_waveforms(tmp_path):
    path = tmp_path / "board.vcd"
    with SimulatedTransport(preset("tiny"), vcd=path) as transport:
        transport.pause(2e-6)

    assert path.read_text(errors="replace").startswith("$version")


def test_shipped_model_equals_golden(shipped):
    board, model = shipped
    tokens = [0, *model.tokenizer.encode("Once upon a time")]
    before = board.counters()
    result = compare(board, model, tokens, 32, temperature=0.8, seed=1)
    counters = board.counters() - before

    assert result == {"tokens": 32, "mismatches": 0, "first_mismatch": None, "state_equal": True}
    assert board.transport.violations == 0
    causes = [c for c in Counter if c.name.startswith("CAUSE_")]
    assert sum(counters[c] for c in causes) == counters[Counter.CYCLES]
    report = Report(model=model, config=board.config, text="", prompt_tokens=1, seconds=1,
                    generated_tokens=31, seed=1, counters=counters, clock_source="assumed")
    assert report.roofline >= 0.90


def test_generate_on_the_simulated_board(capsys):
    code = main(["generate", "--preset", "tiny", "-m", str(TINY_PATH), "-p", "abc", "-n", "6",
                 "--seed", "1", "-v"])
    out, err = capsys.readouterr()

    assert code == 0 and out.startswith("abc")
    assert "cycles a token" in err and "estimated" in err and "assumed clock" in err
