"""The options of a training run. Needs no torch, so that the command line can always list them."""

import argparse
import dataclasses

from trine.host.tokenizer import KINDS

from .schedule import SCHEDULES

__all__ = ["PRESETS", "Options", "add_arguments", "from_arguments"]

#: Sets of options by name; any option given beside them counts more.
PRESETS = {
    # Two million ternary weights over characters: two cores of a CPU, a text of a megabyte.
    "tiny": {"tokenizer": "char", "dim": 224, "hidden_dim": 432, "layers": 4, "minutes": 15,
             "check_every": 3},
    # 28 million weights, 4,096 tokens: one GPU, some hundred megabytes of text.
    "small": {"vocab_size": 4096, "dim": 512, "hidden_dim": 1408, "layers": 8, "batch": 64,
              "window": 256, "tokens": 1_000_000_000, "lr": 3e-3},
    # Shape, rate and rule of the published model of 370 million: several GPUs.
    "base": {"vocab_size": 32_000, "dim": 1024, "hidden_dim": 2816, "layers": 24, "batch": 256,
             "window": 1024, "tokens": 15_000_000_000, "optimizer": "adamw",
             "schedule": "two-stage"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, on what, and for how long.

    Raises
    ------
    ValueError
        If a number is out of range or a choice unknown.
    """

    #: Text files, or folders of ``*.txt`` files, one book a file.
    data: list[str]
    #: Folder for the results.
    out: str
    #: Names of books never trained on. The first one decides which model is best.
    held_out: list[str] = dataclasses.field(default_factory=list)
    #: Where no book is held out: share of the text that is, from the end of the last book.
    validation: float = 0.1
    #: Checks in a row without a better model after which the run stops.
    patience: int = 10
    #: Budgets; the one that is spent first ends the run. ``minutes`` may be None.
    tokens: int = 50_000_000
    minutes: float | None = None
    #: Shape of the network.
    dim: int = 200
    hidden_dim: int = 480
    layers: int = 4
    #: Share of the results between the blocks that training drops.
    dropout: float = 0.0
    #: Tokens, the begin token included; for ``char`` only a limit. None: 1020, or no limit.
    vocab_size: int | None = None
    tokenizer: str = "bpe"
    #: Parallel streams of text, of all processes together, and tokens of each in one step.
    batch: int = 32
    window: int = 128
    #: Highest learning rate, its course, and the rule for the matrices inside the blocks.
    lr: float = 4e-3
    schedule: str = "linear"
    optimizer: str = "muon"
    #: What is measured and exported is the mean of the weights over about 1 / (1 - average) steps.
    average: float = 0.0
    #: Seed of the weights and of the order of the text.
    seed: int = 0
    #: Minutes between checks; the first one comes after a minute at the latest.
    check_every: float = 10
    resume: bool = False
    device: str = "auto"
    #: Products of matrices: ``auto`` takes bf16 where the device computes in it.
    precision: str = "auto"
    compile: bool = False

    def __post_init__(self):
        if self.vocab_size is None and self.tokenizer == "bpe":
            object.__setattr__(self, "vocab_size", 1020)
        for name in ("tokens", "minutes", "dim", "hidden_dim", "layers", "vocab_size", "batch",
                     "window", "lr", "check_every", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Option {name} must be positive, not {value!r}")
        if self.seed < 0:
            raise ValueError(f"Option seed must not be negative, as {self.seed!r} is")
        for name in ("dropout", "average", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"Option {name} is a share, at least 0 and less than 1, not "
                                 f"{getattr(self, name)!r}")
        for name, choices in (("tokenizer", KINDS), ("optimizer", ("muon", "adamw")),
                              ("schedule", tuple(SCHEDULES)),
                              ("precision", ("auto", "bf16", "float32"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"Option {name} must be one of {', '.join(choices)}, "
                                 f"not {getattr(self, name)!r}")


def from_arguments(args):
    """Return the :class:`Options` that the arguments of :func:`add_arguments` stand for."""
    names = [field.name for field in dataclasses.fields(Options)]
    given = {name: getattr(args, name) for name in names if hasattr(args, name)}
    return Options(**(PRESETS[args.preset] if args.preset else {}) | given)


def add_arguments(parser):
    """Add the options of ``trine train`` to an argparse parser; those not given leave no trace."""
    default = {field.name: field.default for field in dataclasses.fields(Options)}

    def add(name, text, **kwargs):
        parser.add_argument("--" + name.replace("_", "-"), default=argparse.SUPPRESS,
                            help=text.format(default.get(name)), **kwargs)

    parser.add_argument("--data", nargs="+", required=True, metavar="FILE",
                        help="text files, or folders of .txt files, one book a file")
    parser.add_argument("--out", required=True, metavar="DIR",
                        help="receives model.safetensors, export/ (the best model), held.txt (what "
                             "it was not trained on), resume.pt, curve.jsonl and curve.svg")
    parser.add_argument("--preset", choices=tuple(PRESETS), default=None,
                        help="sizes and budgets to start from: tiny (2 M weights, 15 minutes on "
                             "two cores), small (a GPU), base (the published 370M, several GPUs)")
    add("held_out", "books never trained on; the first one decides which model is best",
        nargs="+", metavar="NAME")
    add("validation", "without --held-out: share of the text that is held out, from its end ({})",
        type=float, metavar="SHARE")
    add("patience", "checks in a row without a better model that end the training ({})", type=int,
        metavar="N")
    add("tokens", "token budget ({})", type=int, metavar="N")
    add("minutes", "time budget; the budget that is spent first ends the training", type=float,
        metavar="M")
    add("dim", "channels ({})", type=int, metavar="N")
    add("hidden_dim", "channels inside the GLU ({})", type=int, metavar="N")
    add("layers", "blocks ({})", type=int, metavar="N")
    add("dropout", "share of the results between the blocks that training drops ({})", type=float,
        metavar="SHARE")
    add("vocab_size", "tokens (1020 for bpe; for char a limit, none by default)", type=int,
        metavar="N")
    add("tokenizer", "kind of vocabulary ({})", choices=KINDS)
    add("batch", "parallel streams of text ({})", type=int, metavar="N")
    add("window", "tokens of each stream in one step ({})", type=int, metavar="N")
    add("lr", "highest learning rate ({})", type=float, metavar="RATE")
    add("schedule", "course of the learning rate, to zero: linear, or two-stage, a cosine halved "
        "in its second half, as published ({})", choices=tuple(SCHEDULES))
    add("optimizer", "rule for the matrices inside the blocks, the rest is always AdamW's ({})",
        choices=("muon", "adamw"))
    add("average", "measure and export the mean of the weights over about 1 / (1 - SHARE) steps "
        "({})", type=float, metavar="SHARE")
    add("seed", "seed of the weights and of the order of the text ({})", type=int, metavar="N")
    add("check_every", "minutes between checks, each with a sample of text and an export if the "
        "model is the best so far ({})", type=float, metavar="M")
    add("resume", "continue the interrupted run in DIR, with the same options",
        action="store_true")
    add("device", "auto, cpu or cuda ({})", metavar="NAME")
    add("precision", "products of matrices: bf16, float32, or auto, which takes bf16 where the "
        "device computes in it ({})", choices=("auto", "bf16", "float32"))
    add("compile", "compile the network first: about a minute, then faster", action="store_true")
