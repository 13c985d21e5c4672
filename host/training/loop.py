"""Train a model: the loop, its checks, its end."""

import json
import sys

from tqdm import tqdm

from .curve import draw
from .options import from_arguments
from .run import Run

__all__ = ["main", "train"]


def main(args):
    """Run ``trine train`` with the arguments that :func:`.options.add_arguments` defined.

    Returns whether this process is the one that goes on with the result; of those that torchrun
    starts, one is.
    """
    run = Run(from_arguments(args))
    _train(run)
    return run.processes.first


def train(options):
    """Train a model as ``options`` say and keep the best one in their ``out`` folder's export/.

    The learning rate falls to zero as the budget is spent, of tokens or of minutes, whichever is
    further. A resumed run counts what was spent before the interruption. A model that no longer
    becomes better on the held-out text ends the run.

    Returns
    -------
    :class:`dict`
        The last line of ``curve.jsonl``: step, tokens, minutes, loss (nats per token, mean of the
        last steps), train_bits_per_char and, with a held-out text, its bits_per_char.

    Raises
    ------
    ValueError, OSError
        With one sentence, if data and options do not make a training run, or it fails.
    """
    return _train(Run(options))


def _train(run):
    options, first = run.options, run.processes.first
    bar = tqdm(total=options.tokens, initial=run.tokens, unit="tok", unit_scale=True,
               file=sys.stderr, mininterval=1 if sys.stderr.isatty() else 30, disable=not first)
    curve = run.out / "curve.jsonl"
    with bar:
        if first:
            bar.write(run.summary(), sys.stderr)
            if not options.resume:
                curve.write_text("")

        def check():
            row, text = run.check()
            if first:
                with curve.open("a") as file:
                    print(json.dumps(row), file=file)
                rows = [json.loads(line) for line in curve.read_text().splitlines()]
                (run.out / "curve.svg").write_text(draw(rows))
                bar.write(f"{json.dumps(row)}\n{text}", sys.stderr)
            return row

        row = None
        while run.goes_on():
            run.step()
            bar.set_postfix(loss=f"{run.losses[-1]:.3f}", refresh=False)
            bar.update(run.tokens - bar.n)
            if run.check_is_due():
                row = check()
        if row is None or row["step"] < run.steps:
            row = check()
        if run.is_stale and first:
            bar.write(f"No better model in {options.patience} checks: the training ends early",
                      sys.stderr)
    run.processes.close()
    return row
