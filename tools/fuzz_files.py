"""Files from strangers: model files and checkpoint folders, each damaged in some way.

tools/fuzz.py runs them for long. Each damaged file goes through the command line as a user's would:
the command succeeds, or says one sentence and ends with exit code 2, and leaves nothing behind. No
other exception, no more memory than a bound, no more time.
"""

import contextlib
import copy
import io
import json
import shutil
import struct
import tracemalloc
from collections import Counter
from random import Random

import numpy as np
from safetensors.numpy import save_file

from trine.host.checkpoint import expected_shapes
from trine.host.cli import main
from trine.host.tokenizer import Tokenizer

__all__ = ["CheckpointFuzz", "ModelFuzz"]

#: Bytes that a command may hold over what it held before, for files of some ten kilobytes.
BOUND = 64 << 20

#: What stands in place of a JSON value.
VALUES = (None, True, -1, 0, 1, 3.5, 255, 65536, 1 << 31, 1 << 63, 10**30, -(10**30), 1e308, "",
          "7", "a\0b", "../../x", "\ud800", "x" * 5000, [], [1], [[]], {}, {"a": 1}, float("inf"),
          float("nan"))


def mutated_json(rng, text):
    """Return JSON text with a value changed, dropped or put somewhere else, or the text spoilt."""
    content = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        places = list(_places(content))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(5):
            case 0:
                del holder[key]
            case 1:
                other, there = rng.choice(places)
                with contextlib.suppress(KeyError, IndexError):
                    holder[key] = copy.deepcopy(other[there])
            case _:
                holder[key] = rng.choice(VALUES)
    text = json.dumps(content)
    if rng.random() < 0.1:
        deep = rng.choice([500, 100_000])
        text = text.replace("1", "[" * deep + "]" * deep, 1)
    return text


def _places(content):
    """Yield every (container, key) within ``content``."""
    keys = content if isinstance(content, dict) else range(len(content))
    for key in keys:
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key])


def spoilt(rng, data):
    """Return bytes with some flipped, cut off, doubled or replaced."""
    data = bytearray(data)
    match rng.randrange(4):
        case 0:
            del data[rng.randrange(len(data)):]
        case 1:
            at = rng.randrange(len(data))
            data[at:at] = data[at:at + rng.randrange(200)]
        case 2:
            at = rng.randrange(len(data))
            data[at:at + 8] = rng.choice([b"\xff" * 8, bytes(8), rng.randbytes(8)])
        case 3:
            for _ in range(rng.choice([1, 10, 100])):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def run(*arguments):
    """Run a command; return its exit code and what it said, where both are as they should be."""
    out, err = io.StringIO(), io.StringIO()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(map(str, arguments)))
    used = tracemalloc.get_traced_memory()[1] - before
    said = err.getvalue().strip()
    assert used < BOUND, f"{used} bytes"
    assert code in (0, 2), code
    if code:
        sentence = said.splitlines()[-1]
        assert sentence.startswith("trine: ") and len(sentence) < 1000, said
        assert "Traceback" not in said, said
    return code, said


class _Fuzz:
    def __init__(self, folder, seed):
        self.folder, self.rng, self.outcomes = folder, Random(seed), Counter()

    def go(self, cases, progress=lambda count: None):
        """Try so many damaged files; return the outcomes."""
        tracing = tracemalloc.is_tracing()
        tracemalloc.start()
        try:
            for _ in range(cases):
                self.outcomes[self.case()] += 1
                progress(1)
        finally:
            if not tracing:
                tracemalloc.stop()
        return self.outcomes


class ModelFuzz(_Fuzz):
    """Damaged copies of the model file ``path``, for the preset tiny."""

    def __init__(self, folder, path, seed):
        super().__init__(folder, seed)
        data = path.read_bytes()
        self._length, = struct.unpack("<Q", data[:8])
        self._header = json.loads(data[8:8 + self._length])
        self._body = data[8 + self._length:]

    def _damaged(self):
        rng, header = self.rng, dict(self._header)
        kind = rng.randrange(6)
        if kind == 0:
            text = json.dumps(header).encode()
            return spoilt(rng, len(text).to_bytes(8, "little") + text + self._body)
        if kind == 1:
            text = mutated_json(rng, json.dumps(header)).encode("utf-8", "surrogatepass")
            return len(text).to_bytes(8, "little") + text + self._body
        metadata = header["__metadata__"] = dict(header["__metadata__"])
        name = ("tokenizer", "card", "model", "model")[kind - 2]
        metadata[name] = mutated_json(rng, metadata[name])
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + self._body

    def case(self):
        """Inspect a damaged file, and generate with one that is taken."""
        path = self.folder / "model.safetensors"
        path.write_bytes(self._damaged())
        code, said = run("inspect", "--preset", "tiny", "-m", path, "--json")
        if code:
            assert str(path) in said or "memory" in said or "preset" in said, said
            return "refused"
        code, said = run("generate", "--device", "golden", "--preset", "tiny", "-m", path, "-n",
                         "2", "--seed", "1", "-p", "a")
        return "refused" if code else "taken"


class CheckpointFuzz(_Fuzz):
    """Damaged copies of a checkpoint of some thousand weights."""

    def __init__(self, folder, seed):
        super().__init__(folder, seed)
        self._whole = folder / "whole"
        self._whole.mkdir()
        tokenizer = Tokenizer.train(["abcdefgh "], kind="char")
        config = {"model_type": "hgrn_bit", "hidden_size": 16, "intermediate_size": 24,
                  "num_hidden_layers": 1, "vocab_size": tokenizer.vocab_size, "hidden_ratio": 4,
                  "use_lower_bound": True, "rms_norm_eps": 1e-6}
        numbers = np.random.default_rng(seed)
        tensors = {name: numbers.normal(0, 1, shape).astype(np.float32)
                   for name, shape in expected_shapes(config).items()}
        save_file(tensors, self._whole / "model.safetensors")
        for name, text in (("config.json", json.dumps(config)),
                           ("tokenizer.json", tokenizer.to_json()),
                           ("model.safetensors.index.json", json.dumps(
                               {"weight_map": dict.fromkeys(tensors, "model.safetensors")}))):
            (self._whole / name).write_text(text)

    def _damage(self, path):
        rng, data = self.rng, path.read_bytes()
        if path.suffix == ".json" and rng.random() < 0.8:
            data = mutated_json(rng, data).encode("utf-8", "surrogatepass")
        elif path.suffix == ".safetensors" and rng.random() < 0.6:
            length, = struct.unpack("<Q", data[:8])
            text = mutated_json(rng, data[8:8 + length]).encode("utf-8", "surrogatepass")
            data = len(text).to_bytes(8, "little") + text + data[8 + length:]
        elif rng.random() < 0.1:
            return path.unlink()
        else:
            data = spoilt(rng, data)
        return path.write_bytes(data)

    def case(self):
        """Import a damaged checkpoint."""
        damaged, out = self.folder / "damaged", self.folder / "out" / "model.safetensors"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.rmtree(out.parent, ignore_errors=True)
        shutil.copytree(self._whole, damaged)
        self._damage(self.rng.choice(sorted(damaged.iterdir())))
        code, said = run("import", damaged, "-o", out, "--tokens", "8")
        if not code:
            return "taken"
        assert str(damaged) in said or "ensor" in said or "ector" in said, said
        assert not out.parent.exists() or not list(out.parent.iterdir()), "half a file is left"
        return "refused"
