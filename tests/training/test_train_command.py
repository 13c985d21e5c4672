"""From text files to a model file with one command: 200 steps, export, integers, text."""

import numpy as np
import torch
from safetensors.torch import load_file

from published import published
from trine.firmware.isa import LOGIT_FRACTION
from trine.host.cli import main
from trine.host.model import Model
from trine.sim.golden.mlgru import MLGRU

SENTENCES = ("the fox ran over the hill. ", "the hen sat on the egg. ", "a fox saw a hen. ",
             "the egg lay by the hill. ")


def test_train_command_makes_a_model_that_generates(tmp_path, capsys):
    rng = np.random.default_rng(0)
    text = "\n\n".join("".join(rng.choice(SENTENCES, 8)) for _ in range(200))
    (tmp_path / "book.txt").write_text(text)
    out = tmp_path / "run"

    code = main(["train", "--data", str(tmp_path / "book.txt"), "--out", str(out), "--tokenizer",
                 "char", "--dim", "32", "--hidden-dim", "48", "--layers", "2", "--batch", "8",
                 "--window", "32", "--tokens", str(200 * 8 * 32), "--device", "cpu"])
    assert code == 0

    # The integers against the independent forward pass over the exported floats.
    model = Model.load(out / "model.safetensors")
    weights = {name: tensor.double()
               for name, tensor in load_file(out / "export/model.safetensors").items()}
    tokens = [model.tokenizer.begin, *model.tokenizer.encode(text[:100])]
    with torch.no_grad():
        expected = published(weights, tokens, 2).numpy()
    golden = MLGRU(model)
    logits = np.array([golden.step(token) for token in tokens]) / 2.0**LOGIT_FRACTION
    assert np.median(np.abs(logits - expected).max(1) / np.abs(expected).max()) < 0.02
    assert np.mean(logits.argmax(1) == expected.argmax(1)) > 0.95

    capsys.readouterr()
    assert main(["generate", "-m", str(out / "model.safetensors"), "--device", "golden", "-p",
                 "the ", "-n", "20", "--temp", "0"]) == 0
    assert capsys.readouterr().out.startswith("the ")


def test_bad_data_gets_one_sentence(tmp_path, capsys):
    assert main(["train", "--data", str(tmp_path / "nothing.txt"), "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "nothing.txt" in err and err.startswith("trine: ") and "Traceback" not in err
