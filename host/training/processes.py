"""Processes that train one network together, as torchrun starts them: each has its streams."""

import os

import torch
import torch.distributed as distributed

__all__ = ["Processes", "pick_device"]


def pick_device(name):
    """Return the torch device called ``name``; ``auto`` takes a GPU if there is one.

    Of several GPUs each process of torchrun takes its own.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"Device {name!r} is not available; choose auto or cpu") from error


class Processes:
    """All processes of a run: one alone, unless torchrun started several.

    Parameters
    ----------
    device : :class:`torch.device`
        Where this process computes.

    Attributes
    ----------
    rank, count : :class:`int`
        Number of this process, and of processes.
    """

    def __init__(self, device):
        self.device = device
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    @property
    def first(self):
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def columns(self, batch):
        """Return which of ``batch`` streams are this process's, a slice."""
        if batch % self.count:
            raise ValueError(f"Option batch is {batch}, which {self.count} processes cannot share "
                             f"evenly; choose a multiple")
        own = batch // self.count
        return slice(self.rank * own, (self.rank + 1) * own)

    def add(self, tensors):
        """Replace every one of ``tensors`` by its sum over all processes."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(part.view_as(tensor))

    def agree(self, values):
        """Return the numbers ``values`` of the first process, as floats."""
        if self.count == 1:
            return values
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return shared.tolist()

    def share(self, make):
        """Return what ``make()`` gives in the first process; the others do not call it."""
        box = [make() if self.first else None]
        if self.count > 1:
            distributed.broadcast_object_list(box, 0)
        return box[0]

    def gather(self, state):
        """Return the states of all streams, (n_layers, batch, dim), from those of each process."""
        if self.count == 1:
            return state
        parts = [torch.empty_like(state) for _ in range(self.count)]
        distributed.all_gather(parts, state.contiguous())
        return torch.cat(parts, 1)

    def close(self):
        """Part from the others."""
        if self.count > 1:
            distributed.destroy_process_group()
