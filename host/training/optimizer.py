"""Muon for the matrices inside the blocks, AdamW for everything else.

Ref: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
"""

import torch

__all__ = ["Muon", "Optimizers"]


#: Quintic that drives all singular values to about 1 in five steps.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
#: Muon's learning rate in units of AdamW's. Its steps are spectral norms, not single weights.
MUON_RATE = 10


def orthogonalize(matrices):
    """Replace the singular values of each matrix by values near 1 (about 0.7 to 1.2).

    Newton-Schulz iteration in bfloat16. Singular values far below the greatest (under a
    thousandth) stay smaller.

    matrices : float32 (count, out, in)
    returns : float32 (count, out, in)
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    iterate = (matrices.mT if tall else matrices).bfloat16()
    iterate = iterate / (iterate.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = iterate @ iterate.mT
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        iterate = torch.baddbmm(iterate, factor, iterate, beta=a)
    return (iterate.mT if tall else iterate).float()


class Muon(torch.optim.Optimizer):
    """Descent along the orthogonalised Nesterov momentum.

    Parameters
    ----------
    params : iterable of matrices
        Matrices of one shape are orthogonalised together.
    lr : :class:`float`
        Step, as the spectral norm of the change of a square matrix.
    momentum : :class:`float`
        Share of the old momentum that each step keeps.
    """

    def __init__(self, params, *, lr, momentum=0.95):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        """Change every matrix that has a gradient."""
        for group in self.param_groups:
            same_shape = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    same_shape.setdefault(weight.shape, []).append(weight)
            for (rows, cols), weights in same_shape.items():
                updates = orthogonalize(torch.stack([self._momentum(weight, group["momentum"])
                                                     for weight in weights]))
                step = group["lr"] * max(1, rows / cols) ** 0.5
                torch._foreach_add_(weights, list(updates), alpha=-step)

    def _momentum(self, weight, momentum):
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(state["momentum"], momentum)


class Optimizers:
    """All optimizers of a network, under one learning rate.

    Parameters
    ----------
    network : :class:`.network.Network`
    kind : ``"muon"`` or ``"adamw"``
        Rule for the matrices inside the blocks.
    lr : :class:`float`
        Highest learning rate of AdamW.
    """

    def __init__(self, network, *, kind, lr):
        inside = [weight for weight in network.model.layers.parameters() if weight.ndim == 2]
        by_muon = {id(weight) for weight in inside} if kind == "muon" else set()
        self.parts = [torch.optim.AdamW(
            [weight for weight in network.parameters() if id(weight) not in by_muon],
            lr=lr, betas=(0.9, 0.95), weight_decay=0.0)]
        if by_muon:
            self.parts.append(Muon(inside, lr=lr * MUON_RATE))
        self._highest = [part.param_groups[0]["lr"] for part in self.parts]

    def step(self, rate):
        """Step with the share ``rate`` of the highest learning rate, then drop the gradients."""
        for part, highest in zip(self.parts, self._highest):
            part.param_groups[0]["lr"] = rate * highest
            part.step()
            part.zero_grad()

    def state_dict(self):
        """Return the states of all parts, in order."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states):
        """Take back what :meth:`state_dict` returned."""
        if len(states) != len(self.parts):
            raise ValueError("The states are of other optimizers")
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)
