"""Fixtures of the gateware's tests."""

import pytest

from ecp5_cells import OnECP5, ccu2c
from trine.hw import carry_chain


@pytest.fixture(params=["portable", "ecp5"])
def place(request, monkeypatch):
    """Return what wraps a leaf, so that it is built for one target or the other."""
    if request.param == "portable":
        return lambda dut: dut
    monkeypatch.setattr(carry_chain, "Instance", ccu2c)
    return OnECP5
