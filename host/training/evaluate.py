"""Bits per character over whole books, the state carried from the first character to the last."""

import math

import torch
import torch.nn.functional as F

__all__ = ["bits_per_char", "sample"]


@torch.no_grad()
def bits_per_char(network, tokenizer, text, *, window=512):
    """Return the bits per character that ``network`` needs for ``text``.

    The state is zero at the start and the begin token comes first, so every token of ``text`` is
    predicted. The unit is total nats / ln 2 / characters of ``text``.
    """
    was_training = network.training
    network.eval()
    device = network.lm_head.weight.device
    targets = torch.tensor(tokenizer.encode(text), device=device)
    inputs = torch.cat([targets.new_tensor([tokenizer.begin]), targets[:-1]])
    state, nats = network.zero_state(1), 0.0
    for here, there in zip(inputs.split(window), targets.split(window)):
        logits, state = network(here[:, None], state)
        nats += F.cross_entropy(logits[:, 0], there, reduction="sum").item()
    network.train(was_training)
    return nats / math.log(2) / len(text)


@torch.no_grad()
def sample(network, tokenizer, prompt, *, length=60, temperature=0.8, seed=0):
    """Return ``prompt`` continued by ``length`` tokens, drawn at ``temperature``."""
    was_training = network.training
    network.eval()
    device = network.lm_head.weight.device
    chance = torch.Generator().manual_seed(seed)
    tokens = [tokenizer.begin, *tokenizer.encode(prompt)]
    logits, state = network(torch.tensor(tokens, device=device)[:, None], network.zero_state(1))
    for _ in range(length):
        share = (logits[-1, 0].cpu() / temperature).softmax(-1)
        tokens.append(torch.multinomial(share, 1, generator=chance).item())
        logits, state = network(torch.tensor([[tokens[-1]]], device=device), state)
    network.train(was_training)
    return tokenizer.decode(tokens)
