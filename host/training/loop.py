"""Train a model: the loop, its schedule, its checkpoints."""

import json
import math
import os
import sys
import time
from collections import deque
from dataclasses import fields
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from trine.host.tokenizer import Tokenizer

from .data import Streams, find_books, read_book, split_books
from .evaluate import bits_per_char, sample
from .export import export
from .network import Network
from .optimizer import Optimizers
from .options import Options

__all__ = ["main", "train"]


#: Steps over which the learning rate rises at the start.
WARM_UP = 100
#: Characters of the first held-out book that a check reads.
CHECK_CHARS = 200_000
#: Steps over which the reported loss is a mean.
MEAN_STEPS = 100
#: What sampled text starts with, as far as the vocabulary has it.
PROMPT = "Once upon a time"


def main(args):
    """Run ``trine train`` with the arguments that :func:`.options.add_arguments` defined."""
    train(Options(**{field.name: getattr(args, field.name) for field in fields(Options)}))


def train(options):
    """Train a model as ``options`` say and keep the best one in their ``out`` folder's export/.

    The learning rate falls linearly to zero as the budget is spent, of tokens or of minutes,
    whichever is further. A resumed run counts what was spent before the interruption.

    Returns
    -------
    :class:`dict`
        The last line of ``curve.jsonl``: step, tokens, minutes, loss (nats per token, mean of the
        last steps) and, with a held-out book, its bits_per_char.

    Raises
    ------
    ValueError, FileNotFoundError
        With one sentence, if the data and the options do not make a training run.
    """
    run = Run(options)
    bar = tqdm(total=options.tokens, initial=run.tokens, unit="tok", unit_scale=True,
               file=sys.stderr, mininterval=1 if sys.stderr.isatty() else 30)
    with bar, run.curve("a" if options.resume else "w") as curve:
        bar.write(run.summary(), sys.stderr)

        def check():
            row, text = run.check()
            print(json.dumps(row), file=curve, flush=True)
            bar.write(f"{json.dumps(row)}\n{text}", sys.stderr)
            return row

        next_check = run.seconds + 60 * min(1, options.check_every)
        while run.progress() < 1:
            run.step()
            bar.set_postfix(loss=f"{run.losses[-1]:.3f}", refresh=False)
            bar.update(run.tokens - bar.n)
            if run.seconds >= next_check:
                check()
                next_check = run.seconds + 60 * options.check_every
        return check()


def pick_device(name):
    """Return the torch device called ``name``; ``auto`` takes a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"Device {name!r} is not available") from error


class Run:
    """A training run, fresh or resumed: network, optimizers, text, and what was spent so far.

    Parameters
    ----------
    options : :class:`.options.Options`
    """

    def __init__(self, options):
        self.options = options
        self.out = Path(options.out)
        self.device = pick_device(options.device)
        saved = self._saved() if options.resume else None

        kept, held = split_books(find_books(options.data), options.held_out)
        texts = [read_book(book) for book in kept]
        self.tokenizer = (
            Tokenizer.from_json(saved["tokenizer"]) if saved is not None else
            Tokenizer.train(texts, options.vocab_size, kind=options.tokenizer))
        self.streams = Streams([self.tokenizer.encode(text) for text in texts],
                               begin=self.tokenizer.begin,
                               newline=(self.tokenizer.encode("\n")[0]
                                        if any("\n" in text for text in texts) else None),
                               batch=options.batch, window=options.window, seed=options.seed)
        self.chars_per_token = sum(map(len, texts)) / self.streams.n_tokens
        self.held_text = read_book(held[0])[:CHECK_CHARS] if held else None
        if held:
            self.tokenizer.encode(self.held_text)  # a character outside the vocabulary shows now
        self.prompt = PROMPT if set(PROMPT) <= set(texts[0]) else texts[0][:len(PROMPT)]

        torch.manual_seed(options.seed)
        self.network = Network(dim=options.dim, hidden_dim=options.hidden_dim,
                               n_layers=options.layers, vocab_size=self.tokenizer.vocab_size)
        self.network.to(self.device).train()
        self.optimizers = Optimizers(self.network, kind=options.optimizer, lr=options.lr)
        self.state = self.network.zero_state(options.batch)
        self.steps, self.tokens, self.seconds = 0, 0, 0.0
        self.losses, self.best = deque(maxlen=MEAN_STEPS), math.inf
        if saved is not None:
            self._restore(saved)

        self._loss_of = torch.compile(self._loss, dynamic=False) if options.compile else self._loss
        self._started = time.monotonic() - self.seconds

    def curve(self, mode):
        """Open the file of the learning curve."""
        self.out.mkdir(parents=True, exist_ok=True)
        return (self.out / "curve.jsonl").open(mode)

    def summary(self):
        """Return one line about the size of network and text."""
        return (f"{self.network.n_trits:,} ternary weights, {self.streams.n_tokens:,} tokens of "
                f"text, {self.chars_per_token:.2f} characters a token")

    def progress(self):
        """Return the share of the budget that is spent; the run is over at 1."""
        self.seconds = time.monotonic() - self._started
        by_time = 0 if self.options.minutes is None else self.seconds / 60 / self.options.minutes
        return max(self.tokens / self.options.tokens, by_time)

    def step(self):
        """Read one window of every stream and change the weights."""
        rate = min(1, (self.steps + 1) / WARM_UP) * max(0, 1 - self.progress())
        inputs, targets = (torch.from_numpy(part).to(self.device) for part in self.streams.next())
        loss, self.state = self._loss_of(inputs, targets, self.state)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizers.step(rate)
        self.losses.append(loss.item())
        self.steps += 1
        self.tokens += inputs.numel()

    def _loss(self, inputs, targets, state):
        """Return the mean loss in nats per token, and the state afterwards.

        The begin token is never a target: no text predicts that another one follows.
        """
        begin = self.tokenizer.begin
        logits, state = self.network(inputs, state, (inputs != begin)[..., None].float())
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=begin), state

    def check(self):
        """Measure, export if best, save for resuming; return the curve's line and a sample."""
        row = {"step": self.steps, "tokens": self.tokens, "minutes": round(self.seconds / 60, 2),
               "loss": round(sum(self.losses) / len(self.losses), 4)}
        if self.held_text is not None:
            row["bits_per_char"] = round(
                bits_per_char(self.network, self.tokenizer, self.held_text), 4)
        score = row.get("bits_per_char", -math.inf)
        if score <= self.best:
            self.best = score
            export(self.out / "export", self.network, self.tokenizer)
        self._save()
        return row, sample(self.network, self.tokenizer, self.prompt)

    def _save(self):
        fresh = self.out / f".resume.{os.getpid()}"
        torch.save({
            "tokenizer": self.tokenizer.to_json(),
            "network": self.network.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "state": self.state,
            "position": (self.streams.epoch, self.streams.offset),
            "spent": (self.steps, self.tokens, self.seconds),
            "losses": list(self.losses),
            "best": self.best,
        }, fresh)
        fresh.replace(self.out / "resume.pt")

    def _saved(self):
        path = self.out / "resume.pt"
        if not path.is_file():
            raise FileNotFoundError(f"Folder {self.out} has no resume.pt to continue from")
        return torch.load(path, map_location="cpu", weights_only=True)

    def _restore(self, saved):
        if saved["state"].shape != self.state.shape:
            raise ValueError(f"The run in {self.out} has other options than this one")
        try:
            self.network.load_state_dict(saved["network"])
            self.optimizers.load_state_dict(saved["optimizers"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"The run in {self.out} has other options than this one") from error
        self.state = saved["state"].to(self.device)
        self.streams.seek(*saved["position"])
        self.steps, self.tokens, self.seconds = saved["spent"]
        self.losses.extend(saved["losses"])
        self.best = saved["best"]
