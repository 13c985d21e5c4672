"""Registers in a row."""

from amaranth import *

__all__ = ["delay"]


def delay(m, value, clocks, *, name):
    """Return ``value`` some clocks later, in registers without reset: they cost no logic."""
    for n in range(clocks):
        before, value = value, Signal(value.shape(), name=f"{name}_{n}", reset_less=True)
        m.d.sync += value.eq(before)
    return value
