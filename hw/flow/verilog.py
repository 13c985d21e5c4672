"""A component as Verilog text, for simulators and for other flows."""

from amaranth import ClockDomain, Const, Module, Value
from amaranth.back import verilog

__all__ = ["to_verilog"]


def to_verilog(component, *, name):
    """Convert an Amaranth component to Verilog text, as top module ``name`` on one clock ``clk``.

    There is no reset input: registers start from their initial values, and a fresh simulation is
    a fresh board. It also makes the simulation much faster; see :mod:`trine.sim.verilator`.
    """
    m = Module()
    m.domains.sync = sync = ClockDomain(reset_less=True)
    m.submodules.top = component
    ports = {"clk": (sync.clk, None)}  # None: the direction is inferred
    for path, _, value in component.signature.flatten(component):
        # What is always ready is a constant, and what has no bits is no port.
        value = Value.cast(value)
        if len(value) and not isinstance(value, Const):
            ports["__".join(map(str, path))] = (value, None)
    return verilog.convert(m, name=name, ports=ports, emit_src=False, strip_internal_attrs=True)
