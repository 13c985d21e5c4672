"""A training run: network, optimizers, text, and what was spent of the budgets."""

import math
import os
import pickle
import time
from collections import deque
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F

from trine.host.tokenizer import Tokenizer

from .data import Streams, cut_text, find_books, read_book, split_books
from .evaluate import bits_per_char, sample
from .export import export
from .network import Network
from .optimizer import Optimizers
from .processes import Processes, pick_device
from .schedule import learning_rate

__all__ = ["Run"]


#: Characters of the held-out text that a check reads.
CHECK_CHARS = 200_000
#: Steps over which the reported loss is a mean.
MEAN_STEPS = 100
#: What sampled text starts with, as far as the vocabulary has it.
PROMPT = "Once upon a time"


def pick_product(name, device):
    """Return the type of the matrix products that ``name`` stands for on ``device``."""
    if name == "auto":
        # Other CPUs convert each bfloat16 to float32 and back, which takes longer than float32.
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
        name = "bf16" if device.type == "cuda" or native() else "float32"
    return {"bf16": torch.bfloat16, "float32": torch.float32}[name]


class Run:
    """A training run, fresh or resumed.

    Parameters
    ----------
    options : :class:`.options.Options`

    Attributes
    ----------
    steps, tokens, seconds : numbers
        What was spent.
    losses : :class:`collections.deque`
        Nats per token of the last steps.
    """

    def __init__(self, options):
        self.options = options
        self.out = Path(options.out)
        if self.out.exists() and not self.out.is_dir():
            raise FileExistsError(f"Option out names {self.out}, which is a file; give a folder")
        self.device = pick_device(options.device)
        self.processes = Processes(self.device)
        self._own = self.processes.columns(options.batch)
        saved = self._saved() if options.resume else None
        self._read_text(saved)

        torch.manual_seed(options.seed)
        self.network = Network(dim=options.dim, hidden_dim=options.hidden_dim,
                               n_layers=options.layers, vocab_size=self.tokenizer.vocab_size,
                               dropout=options.dropout,
                               product=pick_product(options.precision, self.device))
        self.network.to(self.device).train()
        #: What is measured and exported.
        self.measured = deepcopy(self.network) if options.average else self.network
        self.optimizers = Optimizers(self.network, kind=options.optimizer, lr=options.lr)
        self.state = self.network.zero_state(options.batch)
        self.steps, self.tokens, self.seconds = 0, 0, 0.0
        self.losses, self.best, self._stale = deque(maxlen=MEAN_STEPS), math.inf, 0
        if saved is not None:
            self._restore(saved)
        self.state = self.state[:, self._own].contiguous()

        self._loss_of = torch.compile(self._loss, dynamic=False) if options.compile else self._loss
        self._started = time.monotonic() - self.seconds
        self._next_check = self.seconds + 60 * min(1, options.check_every)

    def _read_text(self, saved):
        options = self.options
        kept, held = split_books(find_books(options.data), options.held_out)
        texts = [read_book(book) for book in kept]
        self.held_text = read_book(held[0]) if held else ""
        if not held and options.validation:
            texts[-1], self.held_text = cut_text(texts[-1], options.validation)
        # Characters that only the end of a text has are no reason to refuse it.
        seen = [*texts, self.held_text] if options.tokenizer == "char" and not held else texts
        self.tokenizer = Tokenizer.from_json(
            saved["tokenizer"] if saved is not None else self.processes.share(
                lambda: Tokenizer.train(seen, options.vocab_size,
                                        kind=options.tokenizer).to_json()))
        self.streams = Streams([self.tokenizer.encode(text) for text in texts],
                               begin=self.tokenizer.begin,
                               newline=(self.tokenizer.encode("\n")[0]
                                        if any("\n" in text for text in texts) else None),
                               batch=options.batch, window=options.window, seed=options.seed)
        self.chars_per_token = sum(map(len, texts)) / self.streams.n_tokens
        self.tokenizer.encode(self.held_text)  # a character outside the vocabulary shows now
        self.prompt = PROMPT if set(PROMPT) <= set(texts[0]) else texts[0][:len(PROMPT)]
        if self.processes.first:
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / "held.txt").write_bytes(self.held_text.encode())

    def summary(self):
        """Return one line about the size of network and text."""
        return (f"{self.network.n_trits:,} ternary weights, {self.streams.n_tokens:,} tokens of "
                f"text, {self.chars_per_token:.2f} characters a token")

    @property
    def is_stale(self):
        """Whether the last checks, as many as the option ``patience``, found no better model."""
        return self._stale >= self.options.patience

    def goes_on(self):
        """Return whether there is budget left, and hope."""
        self.seconds, = self.processes.agree([time.monotonic() - self._started])
        return self._progress() < 1 and not self.is_stale

    def check_is_due(self):
        """Return whether it is time for :meth:`check`; then the next one is put off."""
        due = self.seconds >= self._next_check
        if due:
            self._next_check = self.seconds + 60 * self.options.check_every
        return due

    def _progress(self):
        """Return the share of the budget that is spent; the run is over at 1."""
        by_time = 0 if self.options.minutes is None else self.seconds / 60 / self.options.minutes
        return max(self.tokens / self.options.tokens, by_time)

    def step(self):
        """Read one window of every stream and change the weights."""
        rate = learning_rate(self.options.schedule, self._progress(), self.steps)
        inputs, targets = self.streams.next()
        # No text predicts the begin token of the next one.
        share = 1 / (targets != self.tokenizer.begin).sum()
        if self.options.dropout:
            # What is dropped depends on the step alone, so a resumed run drops the same.
            torch.manual_seed((self.options.seed << 32) + self.steps * self.processes.count
                              + self.processes.rank)
        own_inputs, own_targets = (torch.from_numpy(part[:, self._own].copy()).to(self.device)
                                   for part in (inputs, targets))
        nats, self.state = self._loss_of(own_inputs, own_targets, self.state)
        loss = nats * share
        loss.backward()
        loss = loss.detach()
        self.processes.add([loss, *(weight.grad for weight in self.network.parameters())])
        self.losses.append(loss.item())
        if not math.isfinite(self.losses[-1]):
            raise ValueError(f"The loss is no longer a number at step {self.steps}; train again "
                             f"with a lower --lr than {self.options.lr}")
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizers.step(rate)
        self.steps += 1
        self.tokens += inputs.size
        if self.options.average:
            # At the start the mean is over a part of the steps, so that it forgets the first ones.
            keep = min(self.options.average, self.steps / (self.steps + 9))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.measured.parameters()),
                                     list(self.network.parameters()), 1 - keep)

    def _loss(self, inputs, targets, state):
        """Return the nats of all targets but begin tokens, and the state afterwards."""
        begin = self.tokenizer.begin
        logits, state = self.network(inputs, state, (inputs != begin)[..., None].float())
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=begin,
                               reduction="sum"), state

    def check(self):
        """Measure, export if best, save for resuming; return the curve's line and a sample."""
        loss = sum(self.losses) / max(1, len(self.losses))
        row = {"step": self.steps, "tokens": self.tokens, "minutes": round(self.seconds / 60, 2),
               "loss": round(loss, 4),
               "train_bits_per_char": round(loss / math.log(2) / self.chars_per_token, 4)}
        if self.held_text:
            row["bits_per_char"], = self.processes.agree([round(
                bits_per_char(self.measured, self.tokenizer, self.held_text[:CHECK_CHARS]), 4)])
        score = row.get("bits_per_char", -math.inf)
        self._stale = 0 if score < self.best or not self.held_text else self._stale + 1
        if score <= self.best:
            self.best = score
            if self.processes.first:
                export(self.out / "export", self.measured, self.tokenizer)
        self._save()
        return row, sample(self.measured, self.tokenizer, self.prompt)

    def _save(self):
        state = self.processes.gather(self.state)
        if not self.processes.first:
            return
        fresh = self.out / f".resume.{os.getpid()}"
        try:
            torch.save({
                "tokenizer": self.tokenizer.to_json(),
                "network": self.network.state_dict(),
                "measured": self.measured.state_dict() if self.options.average else None,
                "optimizers": self.optimizers.state_dict(),
                "state": state,
                "position": (self.streams.epoch, self.streams.offset),
                "spent": (self.steps, self.tokens, self.seconds),
                "losses": list(self.losses),
                "best": (self.best, self._stale),
            }, fresh)
            fresh.replace(self.out / "resume.pt")
        except RuntimeError as error:
            raise OSError(f"File {self.out / 'resume.pt'} cannot be written ({error}); "
                          f"make room on the disk") from error
        finally:
            fresh.unlink(missing_ok=True)

    def _saved(self):
        path = self.out / "resume.pt"
        if not path.is_file():
            raise FileNotFoundError(f"Folder {self.out} has no resume.pt to continue from")
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
            raise ValueError(f"File {path} is damaged; train again without --resume") from error

    def _restore(self, saved):
        other = f"The run in {self.out} has other options than this one"
        if saved["state"].shape != self.state.shape:
            raise ValueError(other)
        try:
            self.network.load_state_dict(saved["network"])
            if self.options.average:
                self.measured.load_state_dict(saved["measured"] or saved["network"])
            self.optimizers.load_state_dict(saved["optimizers"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(other) from error
        self.state = saved["state"].to(self.device)
        self.streams.seek(*saved["position"])
        self.steps, self.tokens, self.seconds = saved["spent"]
        self.losses.extend(saved["losses"])
        self.best, self._stale = saved["best"]
