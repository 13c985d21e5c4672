"""The MatMul-free language model as a trainable network: MLGRU, GLU and BitLinear layers.

Module names follow the published checkpoints, so that ``state_dict()`` is the checkpoint.

Ref: Zhu et al., Scalable MatMul-free Language Modeling, arXiv 2406.02528, §3.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .scan import scan

__all__ = ["EPS", "Network", "ternarize"]


#: Added to every mean of squares.
EPS = 1e-6

#: Smallest absolute maximum or mean that a quantiser divides by.
TINY = 1e-5


class RoundThrough(torch.autograd.Function):
    """Round half to even and clamp to ``limit``; the gradient passes as if nothing had happened."""

    @staticmethod
    def forward(ctx, exact, limit):
        return exact.round().clamp(-limit, limit)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def ternarize(weight):
    """Split ``weight`` into trits and one scale, so that it is about ``trits * scale``.

    weight : float32 (out, in)
    returns : float32 (out, in) of -1, 0, +1, and a float32 scalar, the mean absolute weight
    """
    scale = weight.detach().abs().mean().clamp(min=TINY)
    return RoundThrough.apply(weight * (1 / scale), 1), scale


def quantize(act):
    """Quantise each row of ``act`` to integers from -127 to 127.

    act : float32 (..., dim)
    returns : float32 (..., dim) of integers, and float32 (..., 1), the value of one unit
    """
    unit = act.detach().abs().amax(-1, keepdim=True).clamp(min=TINY) / 127
    return RoundThrough.apply(act * (1 / unit), 127), unit


class Norm(nn.Module):
    """Root mean square norm over the last axis, with a gain for each channel."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, act):
        return act * torch.rsqrt(act.square().mean(-1, keepdim=True) + EPS) * self.weight


class BitLinear(nn.Module):
    """Norm, int8 activations, ternary weights.

    In training the products have the type ``product``; codes and trits are exact in bfloat16, sums
    are not. In evaluation it is float32, where sums are exact too (below 2**24 for up to 132,104
    inputs).
    """

    product = torch.bfloat16

    def __init__(self, dim_in, dim_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(dim_out, dim_in) / math.sqrt(dim_in))
        self.norm = Norm(dim_in)

    def forward(self, act):
        codes, unit = quantize(self.norm(act))
        trits, scale = ternarize(self.weight)
        product = self.product if self.training else torch.float32
        acc = F.linear(codes.to(product), trits.to(product)).float()
        return acc * (unit * scale)


class MLGRU(nn.Module):
    """Token mixer: a gated recurrence, elementwise over channels."""

    def __init__(self, dim):
        super().__init__()
        self.i_proj = BitLinear(dim, dim)
        self.f_proj = BitLinear(dim, dim)
        self.g_proj = BitLinear(dim, dim)
        self.o_proj = BitLinear(dim, dim)
        self.g_norm = Norm(dim)

    def forward(self, act, bound, keep, start):
        """Return the output and the states, each (time, batch, dim)."""
        forget = bound + (1 - bound) * torch.sigmoid(self.f_proj(act))
        drive = F.silu(self.i_proj(act)) * (1 - forget)
        states = scan(forget * keep, drive, start)
        return self.o_proj(self.g_norm(self.g_proj(act)) * F.silu(states)), states


class GLU(nn.Module):
    """Channel mixer: gated linear unit. ``gate_proj`` holds the gate, then the value matrix."""

    def __init__(self, dim, hidden_dim):
        super().__init__()
        self.gate_proj = BitLinear(dim, 2 * hidden_dim)
        self.down_proj = BitLinear(hidden_dim, dim)

    def forward(self, act):
        gate, value = self.gate_proj(act).chunk(2, -1)
        return self.down_proj(F.silu(gate) * value)


class Layer(nn.Module):
    """One block: MLGRU, then GLU, each behind a norm and added to the residual."""

    def __init__(self, dim, hidden_dim, dropout):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.attn_norm = Norm(dim)
        self.attn = MLGRU(dim)
        self.mlp_norm = Norm(dim)
        self.mlp = GLU(dim, hidden_dim)

    def forward(self, residual, bound, keep, start):
        mixed, states = self.attn(self.attn_norm(residual), bound, keep, start)
        residual = residual + self.dropout(mixed)
        return residual + self.dropout(self.mlp(self.mlp_norm(residual))), states[-1].detach()


class Body(nn.Module):
    """Everything below the head."""

    def __init__(self, dim, hidden_dim, n_layers, vocab_size, dropout):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, dim)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(dim, hidden_dim, dropout) for _ in range(n_layers))
        self.norm = Norm(dim)
        self.lower_bounds = nn.Parameter(torch.zeros(n_layers, dim))
        nn.init.normal_(self.embeddings.weight, std=0.02)

    def bounds(self):
        """Return the lower bounds of the forget gates, (n_layers, dim): 0, then rising."""
        share = self.lower_bounds.softmax(0)
        return share.cumsum(0) - share[0]

    def forward(self, tokens, state, keep):
        residual = self.dropout(self.embeddings(tokens))
        after = []
        for layer, bound, start in zip(self.layers, self.bounds(), state):
            residual, end = layer(residual, bound, keep, start)
            after.append(end)
        return self.norm(residual), torch.stack(after)


class Network(nn.Module):
    """The language model.

    Parameters
    ----------
    dim, hidden_dim, n_layers, vocab_size : :class:`int`
        Channels, channels inside the GLU, blocks, tokens.
    dropout : :class:`float`
        Share of the embedding's and of each block's results that training sets to zero.
    product : :class:`torch.dtype`
        Type of the matrix products in training, bfloat16 or float32.
    """

    def __init__(self, *, dim, hidden_dim, n_layers, vocab_size, dropout=0.0,
                 product=torch.bfloat16):
        super().__init__()
        for name, value in (("dim", dim), ("hidden_dim", hidden_dim), ("n_layers", n_layers),
                            ("vocab_size", vocab_size)):
            if value < 1:
                raise ValueError(f"{name} must be positive, not {value!r}")
        self.dim, self.hidden_dim = dim, hidden_dim
        self.n_layers, self.vocab_size = n_layers, vocab_size
        self.model = Body(dim, hidden_dim, n_layers, vocab_size, dropout)
        self.lm_head = BitLinear(dim, vocab_size)
        for linear in self.modules():
            if isinstance(linear, BitLinear):
                linear.product = product

    @property
    def n_trits(self):
        """Number of ternary weights."""
        return sum(module.weight.numel() for module in self.modules()
                   if isinstance(module, BitLinear))

    def zero_state(self, batch):
        """Return the state at the start of a text, float32 (n_layers, batch, dim)."""
        return self.lm_head.weight.new_zeros(self.n_layers, batch, self.dim)

    def forward(self, tokens, state, keep=None):
        """Read ``tokens`` and return the logits behind each of them, and the state afterwards.

        tokens : int64 (time, batch)
        state : float32 (n_layers, batch, dim), detached when it comes back
        keep : float32 (time, batch, 1), 0 where a new text starts and the state must be forgotten
        returns : float32 (time, batch, vocab_size), float32 (n_layers, batch, dim)
        """
        if keep is None:
            keep = state.new_ones(1, 1, 1)
        act, state = self.model(tokens, state, keep)
        return self.lm_head(act), state
