"""An independent forward pass: the published equations written out once more, in PyTorch.

It shares no line with the trainer's network or with the float reference, and judges both.
``python tests/published.py`` writes the vectors that the reference is tested with, where there is
no PyTorch.
"""

from functools import cache
from pathlib import Path

import torch
from safetensors.numpy import save_file

from checkpoints import random_checkpoint

__all__ = ["VECTORS", "checkpoint_logits", "published"]

#: Logits of a random checkpoint over a few tokens, as :func:`published` computes them.
VECTORS = Path(__file__).parent / "data" / "reference_vectors.safetensors"


def published(weights, tokens, n_layers, watch=None):
    """Return the logits behind each token of one text that starts with the zero state.

    weights : mapping of double tensors, keys and shapes of a published checkpoint
    tokens : list of int
    watch : called with every projection's name and its int8 codes, as doubles
    returns : double (time, vocab_size)
    source : arXiv 2406.02528, §3; github.com/ridgerchu/matmulfreellm for eps and lower bounds
    """
    def norm(x, gain):
        return gain * x / ((x * x).sum() / len(x) + 1e-6).sqrt()

    @cache
    def ternary(name):
        w = weights[f"{name}.weight"]
        s_weight = 1 / max(w.abs().mean(), torch.tensor(1e-5))
        return torch.clamp(torch.round(w * s_weight), -1, 1), s_weight

    def bit_linear(x, name):
        y = norm(x, weights[f"{name}.norm.weight"])
        s_act = 127 / max(y.abs().max(), torch.tensor(1e-5))
        codes = torch.clamp(torch.round(y * s_act), -128, 127)
        if watch:
            watch(name, codes)
        trits, s_weight = ternary(name)
        return (trits @ codes) / (s_act * s_weight)

    def sigmoid(x):
        return 1 / (1 + torch.exp(-x))

    embedding, lower = weights["model.embeddings.weight"], weights["model.lower_bounds"]
    share = torch.exp(lower) / torch.exp(lower).sum(0)
    states = [torch.zeros(lower.shape[1], dtype=torch.double) for _ in range(n_layers)]
    logits = []
    for token in tokens:
        r = embedding[token]
        for n in range(n_layers):
            at = f"model.layers.{n}"
            x = norm(r, weights[f"{at}.attn_norm.weight"])
            i = bit_linear(x, f"{at}.attn.i_proj")
            f = sigmoid(bit_linear(x, f"{at}.attn.f_proj"))
            g = bit_linear(x, f"{at}.attn.g_proj")
            if n > 0:
                bound = share[1:n + 1].sum(0)
                f = bound + (1 - bound) * f
            states[n] = f * states[n] + (1 - f) * (i * sigmoid(i))
            gated = norm(g, weights[f"{at}.attn.g_norm.weight"]) * (states[n] * sigmoid(states[n]))
            r = r + bit_linear(gated, f"{at}.attn.o_proj")

            x = norm(r, weights[f"{at}.mlp_norm.weight"])
            both = bit_linear(x, f"{at}.mlp.gate_proj")
            gate, up = both[:len(both) // 2], both[len(both) // 2:]
            r = r + bit_linear(gate * sigmoid(gate) * up, f"{at}.mlp.down_proj")
        logits.append(bit_linear(norm(r, weights["model.norm.weight"]), "lm_head"))
    return torch.stack(logits)


def checkpoint_logits(shape, seed, tokens):
    """Return the logits of :func:`checkpoints.random_checkpoint`, float64 (time, vocab_size)."""
    tensors, config = random_checkpoint(*shape, seed)
    weights = {name: torch.tensor(tensor).double() for name, tensor in tensors.items()}
    return published(weights, tokens, config["num_hidden_layers"]).numpy()


if __name__ == "__main__":
    save_file({"logits": checkpoint_logits((24, 52, 3, 29), 7, list(range(29)))}, VECTORS)
