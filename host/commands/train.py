"""`trine train`: a ternary model from text files, and its integer model file."""

from pathlib import Path

from trine.host.training.options import add_arguments

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

    main(args)
    folder = Path(args.out)
    path = folder / "model.safetensors"
    pack_checkpoint(folder / "export", path)
    print(f"{path} is ready: trine generate -m {path}")
    return 0
