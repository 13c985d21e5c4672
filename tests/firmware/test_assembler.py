"""Assembler and disassembler undo each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.firmware.assembler import assemble, disassemble, encode, listing, payload_bytes
from trine.firmware.isa import INSTRUCTIONS, Instruction, Opcode
from trine.firmware.packing import pack_matrix

LANES = 10


@st.composite
def instructions(draw):
    """Draw one instruction with every field in range, and a payload where it has one."""
    form = draw(st.sampled_from([f for f in INSTRUCTIONS.values() if f.opcode != Opcode.END]))
    fields = {}
    for f in form.fields:
        if f.name:
            if f.enum:
                fields[f.name] = int(draw(st.sampled_from(list(f.enum))))
                continue
            low = -(1 << f.bits - 1) if f.signed else 0
            high = (1 << f.bits - f.signed) - 1
            fields[f.name] = draw(st.integers(low, high))
    if form.opcode == Opcode.INTERPOLATE:
        fields["a_source"] = 0
    if form.opcode == Opcode.MATVEC:
        fields["rows"], fields["cols"] = draw(st.integers(1, 25)), draw(st.integers(1, 9))
    if form.opcode == Opcode.FILL:
        fields["length"] = draw(st.integers(1, 20))
    size = payload_bytes(Instruction(form.opcode, fields), LANES)
    return Instruction(form.opcode, fields, draw(st.binary(min_size=size, max_size=size)))


@given(st.lists(instructions(), max_size=8), st.binary(max_size=16))
def test_round_trip(code, padding):
    code = [*code, Instruction(Opcode.END)]
    tape = assemble(code, LANES)

    assert disassemble(tape + padding, LANES) == code
    assert len(list(listing(code))) == len(code)


def test_field_out_of_range_is_named():
    with pytest.raises(ValueError, match="SCALE: field shift must be 0 to 63, not 64"):
        encode(Instruction(Opcode.SCALE, {"shift": 64}))
    with pytest.raises(ValueError, match="END has no field dst"):
        encode(Instruction(Opcode.END, {"dst": 1}))


def test_interpolate_reads_the_state_once():
    with pytest.raises(ValueError, match="INTERPOLATE takes a from vector memory"):
        encode(Instruction(Opcode.INTERPOLATE, {"a_source": 1}))


def test_payload_of_wrong_length_is_refused():
    payload = pack_matrix(np.ones((3, 4), np.int8), LANES)

    with pytest.raises(ValueError, match="MATVEC needs a payload of 8 bytes, not 4"):
        assemble([Instruction(Opcode.MATVEC, {"rows": 10, "cols": 4}, payload)], LANES)


def test_undefined_opcode_and_open_end_are_refused():
    with pytest.raises(ValueError, match="undefined opcode 63 at byte 0"):
        disassemble(b"\x3f\0\0\0", LANES)
    with pytest.raises(ValueError, match="ends at byte 0 without END"):
        disassemble(b"", LANES)
    with pytest.raises(ValueError, match="ends within the LOAD at byte 0"):
        disassemble(bytes([Opcode.LOAD, 0, 0, 0]), LANES)


def test_refuses_vectors_that_begin_within_a_row():
    code = [Instruction(Opcode.ADD, {"a": 8, "b": 4, "dst": 12, "length": 3})]
    assert assemble(code, LANES, 4) == assemble(code, LANES)
    with pytest.raises(ValueError, match="ADD: field dst must be a multiple of the 8 vector lanes, "
                                         "not 12"):
        assemble([Instruction(Opcode.ADD, {"a": 8, "dst": 12, "length": 3})], LANES, 8)
    # Scalar registers are no addresses.
    assert assemble([Instruction(Opcode.SCALAR_RSQRT, {"dst": 3, "a": 1})], LANES, 8)
