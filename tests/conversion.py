"""Converting a component, to see that it can be, or to run it elsewhere."""

from amaranth.back import rtlil, verilog
from amaranth.hdl import Const, Value

__all__ = ["convert", "to_verilog"]


def _ports(dut):
    # The ready of a stream that is always ready is a constant, which cannot be a port; and one
    # of no bits, as the slot where there is only one, cannot either.
    members = (Value.cast(value) for _, _, value in dut.signature.flatten(dut))
    return [value for value in members if not isinstance(value, Const) and len(value)]


def convert(dut):
    """Return the RTLIL of ``dut``; unlike Amaranth's own, also where a stream is always ready."""
    return rtlil.convert(dut, ports=_ports(dut))


def to_verilog(dut, *, name):
    """Return the Verilog of ``dut`` as top module ``name``, with ``clk`` and ``rst``."""
    return verilog.convert(dut, name=name, ports=_ports(dut), emit_src=False,
                           strip_internal_attrs=True)
