"""InstructionDecoder against the assembler."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import plain, simulate
from trine.firmware import isa
from trine.firmware.assembler import encode
from trine.firmware.isa import INSTRUCTIONS, Instruction, Opcode
from trine.hw.instruction_decoder import InstructionDecoder, Kind
from trine.hw.vector_command import ASource, BSource, Op, Target


def random_fields(rng, opcode):
    fields = {}
    for field in INSTRUCTIONS[opcode].fields:
        if field.name == "target":
            fields[field.name] = rng.choice({
                Opcode.MATVEC: [isa.Target.VECTOR, isa.Target.RESIDUAL, isa.Target.LOGITS],
                Opcode.LOAD: [isa.Target.VECTOR, isa.Target.STATE],
                Opcode.STORE: [isa.Target.VECTOR, isa.Target.STATE],
            }.get(opcode, [isa.Target.NONE, isa.Target.VECTOR, isa.Target.STATE]))
        elif field.name == "a_source" and opcode == Opcode.INTERPOLATE:
            fields[field.name] = isa.ASource.VECTOR
        elif field.enum:
            fields[field.name] = rng.choice(list(field.enum))
        elif field.name:
            low = -(1 << field.bits - 1) if field.signed else 0
            fields[field.name] = rng.randrange(low, low + (1 << field.bits))
    return fields


def decode(instructions):
    dut = InstructionDecoder()
    decoded = []

    async def testbench(ctx):
        for instruction in instructions:
            words = encode(instruction)
            ctx.set(dut.first, int.from_bytes(words[:4], "little"))
            ctx.set(dut.words, int.from_bytes(words, "little"))
            # A command means something only where the instruction is for its unit.
            names = {Kind.END: (), Kind.SCALAR: ("scalar", "dst")}.get(
                ctx.get(dut.kind), ("stat", "operand", "vector", "array", "mover"))
            decoded.append({name: plain(ctx.get(getattr(dut, name)))
                            for name in ("kind", "count", *names)})

    simulate(dut, testbench)
    return decoded


def expected_vector(opcode, fields):
    """Return what an instruction says about the vector engine's command."""
    statistic = {name: fields[name] for name in ("statistic", "stat") if name in fields}
    if opcode == Opcode.MATVEC:
        return {"op": Op.SCALE, "a_source": ASource.SUMS, "b_source": BSource.NONE,
                "target": Target(fields["target"].value), "operand": fields["operand"],
                "dst": fields["dst"], "length": fields["rows"], **statistic}
    if opcode == Opcode.FILL:
        return {"target": Target.CONSTANT, "dst": fields["dst"], "length": fields["length"]}
    if opcode == Opcode.LOAD:
        return {"op": Op.MULTIPLY, "a_source": ASource.LOADS, "b_source": BSource.NONE, "shift": 0,
                "target": Target(fields["target"].value), "dst": fields["dst"],
                "length": fields["length"], **statistic}
    if opcode == Opcode.STORE:
        state = fields["target"] == isa.Target.STATE
        return {"op": Op.MULTIPLY, "a_source": ASource.STATE if state else ASource.VECTOR,
                "b_source": BSource.NONE, "shift": 0, "target": Target.STORES, "a": fields["dst"],
                "length": fields["length"], **statistic}
    target = {Opcode.QUANTIZE: Target.CODE, Opcode.INTERPOLATE: Target.STATE}.get(
        opcode, Target(fields["target"].value))
    return {"op": Op(opcode.value), "target": target, "a_source": ASource(fields["a_source"].value),
            "b_source": BSource(fields["b_source"].value), **statistic,
            **{name: fields[name] for name in ("shift", "negate", "operand", "a", "b", "dst",
                                               "length")}}


def value(x):
    return getattr(x, "value", x)


def check(actual, expected):
    for name, wanted in expected.items():
        assert value(actual[name]) == value(wanted), name


@pytest.mark.parametrize("opcode", list(INSTRUCTIONS))
def test_commands_match_the_assembler(opcode):
    rng = Random(int(opcode))
    instructions = [Instruction(opcode, random_fields(rng, opcode)) for _ in range(20)]
    for instruction, decoded in zip(instructions, decode(instructions), strict=True):
        fields = instruction.fields
        assert decoded["count"] == INSTRUCTIONS[opcode].words
        if opcode >= Opcode.SCALAR_SET:
            assert decoded["kind"] == Kind.SCALAR
            names = {"dst", "a", "b"} & set(fields)
            assert decoded["dst"] == fields["dst"]
            check(decoded["scalar"], {"op": opcode, **{name: fields[name] for name in names}})
            if "mantissa" in fields:
                assert decoded["scalar"]["constant"] == {
                    "m": fields["mantissa"], "e": fields["exponent"]}
            continue
        if opcode == Opcode.END:
            assert decoded["kind"] == Kind.END
            continue
        check(decoded["vector"], expected_vector(opcode, fields))
        assert decoded["stat"] == fields.get("stat", 0)
        reads = opcode in (Opcode.MATVEC, Opcode.SCALE, Opcode.QUANTIZE)
        assert decoded["operand"] == (fields["operand"] if reads else 0)
        assert decoded["kind"] == {
            Opcode.MATVEC: Kind.MATVEC, Opcode.FILL: Kind.FILL, Opcode.LOAD: Kind.MOVE,
            Opcode.STORE: Kind.MOVE}.get(opcode, Kind.VECTOR)
        if opcode == Opcode.MATVEC:
            check(decoded["array"], {name: fields[name] for name in ("code", "rows", "cols")})
        if opcode in (Opcode.LOAD, Opcode.STORE):
            check(decoded["mover"], {"write": opcode == Opcode.STORE, **{
                name: fields[name] for name in (
                    "wide", "shift", "length", "base", "token_stride", "slot_stride",
                    "position_stride")}})


def test_other_opcodes_are_undefined():
    dut = InstructionDecoder()

    async def testbench(ctx):
        for opcode in range(64):
            ctx.set(dut.first, opcode)
            assert (ctx.get(dut.kind) == Kind.UNDEFINED) == (opcode not in INSTRUCTIONS)
            assert (ctx.get(dut.count) == 0) == (opcode not in INSTRUCTIONS)

    simulate(dut, testbench)


def test_opcodes_that_share_a_reading_share_a_format():
    vector = [form.fields for op, form in INSTRUCTIONS.items() if 16 <= op < 32]
    assert all(fields == vector[0] for fields in vector)
    assert INSTRUCTIONS[Opcode.LOAD].fields == INSTRUCTIONS[Opcode.STORE].fields
    constant, plain_ = (
        {name: INSTRUCTIONS[op].offset(name) for name in ("dst", "a")}
        for op in (Opcode.SCALAR_SET, Opcode.SCALAR_MULTIPLY))
    assert constant == plain_
    assert {form.offset("dst") for op, form in INSTRUCTIONS.items() if 32 <= op < 48} \
        == {constant["dst"]}


def test_converts():
    rtlil.convert(InstructionDecoder(), name="instruction_decoder")
