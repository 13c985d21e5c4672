"""The scalar unit's golden model: instructions on registers."""

import pytest

from trine.firmware.isa import INSTRUCTIONS, N_SCALARS, Opcode
from trine.sim.golden import scalar
from trine.sim.golden.scalar_unit import execute, reset

TWO, THREE = scalar.from_integer(2), scalar.from_integer(3)


def run(opcode, dst=1, **fields):
    registers = reset()
    registers[2], registers[3] = TWO, THREE
    before = list(registers)
    execute(registers, opcode, {"dst": dst, **fields})
    assert [n for n in range(N_SCALARS) if n != dst and registers[n] != before[n]] == []
    return registers[dst]


@pytest.mark.parametrize("opcode, fields, expected", [
    (Opcode.SCALAR_SET, {"a": 2, "mantissa": THREE[0], "exponent": THREE[1]}, THREE),
    (Opcode.SCALAR_SET, {"a": 2, "mantissa": 0, "exponent": 100}, scalar.ZERO),
    (Opcode.SCALAR_MULTIPLY, {"a": 2, "b": 3}, scalar.from_integer(6)),
    (Opcode.SCALAR_ADD, {"a": 2, "b": 3}, scalar.from_integer(5)),
    (Opcode.SCALAR_RECIP, {"a": 2}, scalar.from_integer(1, -1)),
    (Opcode.SCALAR_RSQRT, {"a": 3}, scalar.rsqrt(THREE)),
    (Opcode.SCALAR_MULTIPLY_CONSTANT, {"a": 2, "mantissa": 3 << 29, "exponent": -29},
     scalar.from_integer(6)),
    (Opcode.SCALAR_ADD_CONSTANT, {"a": 2, "mantissa": 3 << 29, "exponent": -29},
     scalar.from_integer(5)),
])
def test_instructions(opcode, fields, expected):
    assert run(opcode, **fields) == expected
    # The field names are the instruction set's.
    assert fields.keys() <= {field.name for field in INSTRUCTIONS[opcode].fields}


def test_register_0_stays_zero():
    assert run(Opcode.SCALAR_ADD, dst=0, a=2, b=3) == scalar.ZERO


def test_operands_are_read_before_the_result_is_written():
    registers = reset()
    registers[2] = TWO
    execute(registers, Opcode.SCALAR_MULTIPLY, {"dst": 2, "a": 2, "b": 2})
    assert registers[2] == scalar.from_integer(4)


def test_other_instructions_are_refused():
    with pytest.raises(KeyError):
        run(Opcode.MULTIPLY)
