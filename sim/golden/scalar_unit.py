"""Golden model of the scalar unit: one instruction on one slot's registers."""

from trine.firmware.isa import N_SCALARS, Opcode

from . import scalar

__all__ = ["execute", "reset"]


def reset():
    """Return the registers of one slot as they are after power-up: all ZERO."""
    return [scalar.ZERO] * N_SCALARS


def execute(registers, opcode, fields):
    """Carry out one scalar instruction.

    registers : list of (m, e), 64 of them, changed in place; register 0 is never written
    opcode : Opcode, a scalar one
    fields : dict of int, the fields ``dst``, ``a``, ``b``, ``exponent``, ``mantissa`` that the
        instruction has (:data:`trine.firmware.isa.INSTRUCTIONS`)
    error : exact, each result truncated as in :mod:`.scalar`; KeyError where it is no scalar
        instruction
    """
    def a():
        return registers[fields["a"]]

    def b():
        return registers[fields["b"]]

    def constant():
        return fields["mantissa"], fields["exponent"]

    result = {
        # Added to zero, so that a constant of zero becomes ZERO whatever its exponent.
        Opcode.SCALAR_SET: lambda: scalar.add(scalar.ZERO, constant()),
        Opcode.SCALAR_MULTIPLY: lambda: scalar.multiply(a(), b()),
        Opcode.SCALAR_ADD: lambda: scalar.add(a(), b()),
        Opcode.SCALAR_RECIP: lambda: scalar.recip(a()),
        Opcode.SCALAR_RSQRT: lambda: scalar.rsqrt(a()),
        Opcode.SCALAR_MULTIPLY_CONSTANT: lambda: scalar.multiply(a(), constant()),
        Opcode.SCALAR_ADD_CONSTANT: lambda: scalar.add(a(), constant()),
    }[opcode]()
    if fields["dst"]:
        registers[fields["dst"]] = result
