"""The recurrence over time, ``state = forget * state + drive``, and its gradient.

A CPU does one time step after the other, each over the whole batch. A GPU does all at once, in
log2(time) sweeps, so that nothing waits for a Python loop over time.

Ref: Hillis and Steele, Data parallel algorithms, CACM 29(12), 1986: the sweeps.
"""

import torch

__all__ = ["scan", "scan_backward", "sweep"]


def sweep(forget, drive):
    """Return the states behind a zero state, in log2(time) sweeps over all of time.

    forget, drive : (time, ...)
    returns : (time, ...)
    """
    # Position t stands for the steps (t - reach, t]: what they keep and what they add.
    keep, states, reach = forget.clone(), drive.clone(), 1
    while reach < len(states):
        states[reach:] = torch.addcmul(states[reach:], keep[reach:], states[:-reach])
        keep[reach:] = keep[reach:] * keep[:-reach]
        reach *= 2
    return states


@torch.library.custom_op("trine::scan", mutates_args=())
def scan(forget: torch.Tensor, drive: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Run ``state = forget * state + drive`` over time, elementwise.

    forget, drive : float32 (time, batch, dim)
    start : float32 (batch, dim), the state before the first step; gets no gradient
    returns : float32 (time, batch, dim), the state after each step
    """
    states = torch.empty_like(drive)
    state = start
    for forget_t, drive_t, state_t in zip(forget.unbind(), drive.unbind(), states.unbind()):
        state = torch.addcmul(drive_t, forget_t, state, out=state_t)
    return states


@scan.register_kernel("cuda")
def _(forget, drive, start):
    drive = drive.clone()
    drive[0] += forget[0] * start
    return sweep(forget, drive)


@torch.library.custom_op("trine::scan_backward", mutates_args=())
def scan_backward(forget: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Return the gradient at ``drive`` of :func:`scan` from the one at its result."""
    drives = torch.empty_like(gradient)
    drives[-1] = gradient[-1]
    steps, gradients, forgets = drives.unbind(), gradient.unbind(), forget.unbind()
    for t in range(len(steps) - 2, -1, -1):
        torch.addcmul(gradients[t], steps[t + 1], forgets[t + 1], out=steps[t])
    return drives


@scan_backward.register_kernel("cuda")
def _(forget, gradient):
    # The same recurrence backwards in time. What it keeps at the last step meets a zero state.
    return sweep(forget.roll(-1, 0).flip(0), gradient.flip(0)).flip(0)


@scan.register_fake
def _(forget, drive, start):
    return torch.empty_like(drive)


@scan_backward.register_fake
def _(forget, gradient):
    return torch.empty_like(gradient)


def _save_for_backward(ctx, inputs, output):
    forget, _, start = inputs
    ctx.save_for_backward(forget, start, output)


def _backward(ctx, gradient):
    forget, start, states = ctx.saved_tensors
    drive = scan_backward(forget, gradient.contiguous())
    before = torch.cat([start[None], states[:-1]])
    return drive * before, drive, None


torch.library.register_autograd("trine::scan", _backward, setup_context=_save_for_backward)
