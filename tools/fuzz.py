"""Fuzz what comes from strangers, and write a record of what came of it.

    python tools/fuzz.py [--tapes 300] [--models 1000] [--checkpoints 1000] [--devices 3000]

Seeded mutations of valid inputs: tapes on the simulated board (fuzz_tapes.py), model files and
checkpoint folders through the command line (fuzz_files.py), devices that answer what no board does
(fuzz_frames.py). The first input that leads to anything but success or one sentence ends the
script. Some minutes. HTTP requests: tests/host/test_serve_requests.py.
"""

import argparse
import faulthandler
import sys
import tempfile
import time
from pathlib import Path

from fuzz_files import BOUND, CheckpointFuzz, ModelFuzz
from fuzz_frames import HostileFuzz
from fuzz_tapes import TapeFuzz
from record import write_record
from tqdm import tqdm

from trine.firmware.config import preset
from trine.host.model import Model

#: Seconds after which an input counts as one that hangs.
HANG = 120


class Watch:
    """Measures the longest case, and ends the script where one hangs."""

    def __init__(self, bar):
        self._bar, self._since, self.longest = bar, time.perf_counter(), 0.0
        self(0)

    def __call__(self, count):
        """Take note that a case has ended."""
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._since)
        self._since = now
        faulthandler.dump_traceback_later(HANG, exit=True)
        self._bar.update(count)


def main():
    """Run all kinds, print the table's lines and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, cases in (("tapes", 300), ("models", 1000), ("checkpoints", 1000),
                        ("devices", 3000)):
        parser.add_argument(f"--{name}", type=int, default=cases, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="SEED")
    parser.add_argument("--model", default="tests/data/tiny.safetensors", metavar="FILE")
    args = parser.parse_args()
    config, path, rows = preset("tiny"), Path(args.model), []
    model = Model.load(path)
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (
                ("tapes", lambda: TapeFuzz(model, config, args.seed)),
                ("models", lambda: ModelFuzz(Path(folder), path, args.seed)),
                ("checkpoints", lambda: CheckpointFuzz(Path(folder), args.seed)),
                ("devices", lambda: HostileFuzz(model, args.seed))):
            fuzz, cases = make(), getattr(args, name)
            with tqdm(total=cases, desc=name, file=sys.stderr) as bar:
                watch = Watch(bar)
                outcomes = fuzz.go(cases, watch)
            rows.append((name, cases, ", ".join(f"{what} {count:,}" for what, count
                                                in outcomes.most_common())))
            print(*rows[-1], f"longest {watch.longest:.1f} s", sep="; ", flush=True)
    faulthandler.cancel_dump_traceback_later()
    write_record(
        "fuzz", f"python tools/fuzz.py --tapes {args.tapes} --models {args.models} --checkpoints "
        f"{args.checkpoints} --devices {args.devices} --seed {args.seed}", order=76,
        title="Inputs from strangers", text=[
            "Seeded mutations of valid inputs. Tapes are played by the gateware; golden says the "
            "same of each, and a reset makes the board whole. Files go through the command line: "
            "success or one sentence, nothing left behind, and never more than "
            f"{BOUND >> 20} MB."],
        columns=("input", "cases", "what came of them"), rows=rows)


if __name__ == "__main__":
    main()
