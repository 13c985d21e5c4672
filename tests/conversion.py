"""Converting a component, to see that it can be."""

from amaranth.back import rtlil
from amaranth.hdl import Const, Value

__all__ = ["convert"]


def convert(dut):
    """Return the RTLIL of ``dut``; unlike Amaranth's own, also where a stream is always ready."""
    # The ready of such a stream is a constant, which cannot be a port.
    members = (Value.cast(value) for _, _, value in dut.signature.flatten(dut))
    return rtlil.convert(dut, ports=[value for value in members if not isinstance(value, Const)])
