"""Train a ternary language model with PyTorch. Nothing outside this folder imports torch."""
