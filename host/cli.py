"""The command `trine`."""

import argparse
import os
import sys
from importlib.metadata import version

from trine.hw.flow.tools import BuildError

from .commands import (
    bench,
    build,
    estimate,
    evaluate,
    generate,
    import_checkpoint,
    inspect,
    power,
    program,
    selftest,
    serve,
    trace,
    train,
)

__all__ = ["main"]

_COMMANDS = {"generate": generate, "serve": serve, "train": train, "import": import_checkpoint,
             "eval": evaluate, "estimate": estimate,
             "inspect": inspect, "trace": trace, "selftest": selftest,
             "bench": bench, "build": build, "program": program, "power": power}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage in front."""

    def error(self, message):
        self.exit(2, f"trine: {message}\n")


def _parser():
    parser = _Parser(prog="trine", description="Ternary language models on open FPGA boards.")
    parser.add_argument("--version", action="version", version=f"trine {version('trine')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for name, command in _COMMANDS.items():
        sub = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def main(argv=None):
    """Run one command and return the exit code: 0, 1 for what failed its test, 2 for bad input."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("\ntrine: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone: `trine generate | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ModuleNotFoundError, BuildError) as error:
        print(f"trine: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
