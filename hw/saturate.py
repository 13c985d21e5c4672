"""Limiting a signed value to fewer bits."""

from amaranth import *

__all__ = ["exceeds", "saturate"]


def exceeds(value, width):
    """Return whether a signed value does not fit ``signed(width)``."""
    top = value[width - 1:]
    return top.any() & ~top.all()


def saturate(value, width):
    """Return a signed value limited to what ``signed(width)`` holds."""
    sign = value[-1]
    limit = Cat((~sign).replicate(width - 1), sign)
    return Mux(exceeds(value, width), limit, value[:width]).as_signed()
