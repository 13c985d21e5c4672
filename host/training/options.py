"""The options of a training run. Needs no torch, so that the command line can always list them."""

import dataclasses

from trine.host.tokenizer import KINDS

__all__ = ["Options", "add_arguments"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, on what, and for how long.

    Raises
    ------
    ValueError
        If a number is not positive or a choice unknown.
    """

    #: Text files, or folders of ``*.txt`` files, one book a file.
    data: list[str]
    #: Folder for the results.
    out: str
    #: Names of books never trained on. The first one decides which model is best.
    held_out: list[str] = dataclasses.field(default_factory=list)
    #: Budgets; the one that is spent first ends the run. ``minutes`` may be None.
    tokens: int = 50_000_000
    minutes: float | None = None
    #: Shape of the network.
    dim: int = 200
    hidden_dim: int = 480
    layers: int = 4
    #: Tokens, the begin token included; for ``char`` only a limit. None: 1020, or no limit.
    vocab_size: int | None = None
    tokenizer: str = "bpe"
    #: Parallel streams of text, and tokens of each in one step.
    batch: int = 32
    window: int = 128
    #: Highest learning rate, and the rule for the matrices inside the blocks.
    lr: float = 4e-3
    optimizer: str = "muon"
    #: Seed of the weights and of the order of the text.
    seed: int = 0
    #: Minutes between checks; the first one comes after a minute at the latest.
    check_every: float = 10
    resume: bool = False
    device: str = "auto"
    compile: bool = False

    def __post_init__(self):
        if self.vocab_size is None and self.tokenizer == "bpe":
            object.__setattr__(self, "vocab_size", 1020)
        for name in ("tokens", "minutes", "dim", "hidden_dim", "layers", "vocab_size", "batch",
                     "window", "lr", "check_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Option {name} must be positive, not {value!r}")
        if self.seed < 0:
            raise ValueError(f"Option seed must not be negative, as {self.seed!r} is")
        for name, choices in (("tokenizer", KINDS), ("optimizer", ("muon", "adamw"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"Option {name} must be one of {', '.join(choices)}, "
                                 f"not {getattr(self, name)!r}")


def add_arguments(parser):
    """Add the options of ``trine train`` to an argparse parser."""
    default = {field.name: field.default for field in dataclasses.fields(Options)}

    def add(name, text, **kwargs):
        kwargs.setdefault("default", default[name])
        parser.add_argument("--" + name.replace("_", "-"), help=text, **kwargs)

    parser.add_argument("--data", nargs="+", required=True, metavar="FILE",
                        help="text files, or folders of .txt files, one book a file")
    parser.add_argument("--out", required=True, metavar="DIR",
                        help="receives export/ (the best model), resume.pt and curve.jsonl")
    add("held_out", "books never trained on; the first one decides which model is best",
        nargs="+", metavar="NAME", default=[])
    add("tokens", "token budget (%(default)s)", type=int, metavar="N")
    add("minutes", "time budget; the budget that is spent first ends the training", type=float,
        metavar="M")
    add("dim", "channels (%(default)s)", type=int, metavar="N")
    add("hidden_dim", "channels inside the GLU (%(default)s)", type=int, metavar="N")
    add("layers", "blocks (%(default)s)", type=int, metavar="N")
    add("vocab_size", "tokens (1020 for bpe; for char a limit, none by default)", type=int,
        metavar="N")
    add("tokenizer", "kind of vocabulary (%(default)s)", choices=KINDS)
    add("batch", "parallel streams of text (%(default)s)", type=int, metavar="N")
    add("window", "tokens of each stream in one step (%(default)s)", type=int, metavar="N")
    add("lr", "highest learning rate (%(default)s)", type=float, metavar="RATE")
    add("optimizer", "rule for the matrices inside the blocks, the rest is always AdamW's "
        "(%(default)s)", choices=("muon", "adamw"))
    add("seed", "seed of the weights and of the order of the text (%(default)s)", type=int,
        metavar="N")
    add("check_every", "minutes between checks, each with a sample of text and an export if the "
        "model is the best so far (%(default)s)", type=float, metavar="M")
    add("resume", "continue the interrupted run in DIR, with the same options",
        action="store_true")
    add("device", "auto, cpu or cuda (%(default)s)", metavar="NAME")
    add("compile", "compile the network first: about a minute, then 1.4 times as fast",
        action="store_true")
