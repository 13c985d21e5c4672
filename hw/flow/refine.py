"""What is made better in a netlist between Yosys and nextpnr."""

import inspect

from . import carry_ends, output_registers

__all__ = ["SOURCE", "refine"]

#: What :func:`refine` does, for the digest of what is made with it.
SOURCE = inspect.getsource(carry_ends) + inspect.getsource(output_registers)


def refine(netlist):
    """Refine what Yosys' ``write_json`` wrote, with cells of an ECP5, in place."""
    output_registers.use_output_registers(netlist)
    carry_ends.cut_carry_ends(netlist)
