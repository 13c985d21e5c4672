"""`trine train`: a ternary model from text files, its integer model file, and its figures."""

import argparse
from pathlib import Path

from trine.host.training.options import add_arguments

from . import evaluate

__all__ = ["add_arguments", "run"]

HELP = "train a model (needs PyTorch)"


def run(args):
    """Carry out the command; return the exit code."""
    try:
        from trine.host.training.loop import main
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError("Training needs PyTorch, which is not installed; run pip install "
                                  "'trine[train]'") from error
    from trine.host.packing import pack_checkpoint

    if not main(args):
        return 0
    folder = Path(args.out)
    path, held = folder / "model.safetensors", folder / "held.txt"
    pack_checkpoint(folder / "export", path)
    if held.stat().st_size:
        parser = argparse.ArgumentParser()
        evaluate.add_arguments(parser)
        evaluate.run(parser.parse_args([str(held), "-m", str(path), "--checkpoint",
                                        str(folder / "export"), "--board-tokens", "0"]))
    print(f"{path} is ready: trine generate -m {path}")
    return 0
