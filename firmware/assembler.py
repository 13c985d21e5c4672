"""Assembler and disassembler: instructions to tape bytes and back."""

from .isa import INSTRUCTIONS, ASource, Instruction, Opcode
from .packing import matrix_bytes

__all__ = ["assemble", "decode_words", "disassemble", "encode", "listing", "payload_bytes",
           "tape_bytes"]


def encode(instruction):
    """Return the instruction's words and payload as bytes.

    Raises ValueError where a field is unknown, missing or out of range, or the payload's length
    is not what the fields say.
    """
    form = INSTRUCTIONS[instruction.opcode]
    values = dict(instruction.fields)
    if instruction.opcode == Opcode.INTERPOLATE and values.get("a_source") == ASource.STATE:
        raise ValueError("INTERPOLATE takes a from vector memory: the state is read at dst")
    bits, at = int(form.opcode), 6
    for f in form.fields:
        value = int(values.pop(f.name, 0)) if f.name else 0
        low = -(1 << f.bits - 1) if f.signed else 0
        high = low + (1 << f.bits) - 1
        if not low <= value <= high:
            raise ValueError(f"{form.opcode.name}: field {f.name} must be {low} to {high}, "
                             f"not {value}")
        bits |= (value & (1 << f.bits) - 1) << at
        at += f.bits
    if values:
        raise ValueError(f"{form.opcode.name} has no field {', '.join(values)}")
    return bits.to_bytes(4 * form.words, "little") + instruction.payload


def decode_words(data, offset=0):
    """Return (instruction without payload, offset behind its words) read from ``data``.

    Raises ValueError for an undefined opcode or a tape that ends within the instruction.
    """
    if offset + 4 > len(data):
        raise ValueError(f"The tape ends at byte {len(data)} without END")
    opcode = data[offset] & 63
    if opcode not in INSTRUCTIONS:
        raise ValueError(f"The tape has the undefined opcode {opcode} at byte {offset}")
    form = INSTRUCTIONS[opcode]
    end = offset + 4 * form.words
    if end > len(data):
        raise ValueError(f"The tape ends within the {form.opcode.name} at byte {offset}")
    bits, at, fields = int.from_bytes(data[offset:end], "little"), 6, {}
    for f in form.fields:
        value = bits >> at & (1 << f.bits) - 1
        at += f.bits
        if f.signed and value >> f.bits - 1:
            value -= 1 << f.bits
        if f.name:
            fields[f.name] = value
    return Instruction(form.opcode, fields), end


def payload_bytes(instruction, lanes):
    """Return how many payload bytes follow the instruction on a machine with ``lanes`` lanes."""
    if instruction.opcode == Opcode.MATVEC:
        return matrix_bytes(instruction.fields["rows"], instruction.fields["cols"], lanes)
    if instruction.opcode == Opcode.FILL:
        return 2 * instruction.fields["length"]
    return 0


def _check_alignment(instruction, vector_lanes):
    if instruction.opcode >= Opcode.SCALAR_SET:
        return
    for name in ("a", "b", "dst"):
        at = instruction.fields.get(name, 0)
        if at % vector_lanes:
            raise ValueError(f"{instruction.opcode.name}: field {name} must be a multiple of the "
                             f"{vector_lanes} vector lanes, not {at}")


def tape_bytes(instructions, lanes):
    """Return the bytes of a tape of these instructions; their payloads are not looked at."""
    return sum(4 * INSTRUCTIONS[instruction.opcode].words + payload_bytes(instruction, lanes)
               for instruction in instructions)


def assemble(instructions, lanes, vector_lanes=1):
    """Return the tape of ``instructions`` as bytes.

    Raises ValueError for a payload of wrong length, and for a vector that begins within a row of
    ``vector_lanes`` elements.
    """
    tape = bytearray()
    for instruction in instructions:
        _check_alignment(instruction, vector_lanes)
        expected = payload_bytes(instruction, lanes)
        if len(instruction.payload) != expected:
            raise ValueError(f"{instruction.opcode.name} needs a payload of {expected} bytes, "
                             f"not {len(instruction.payload)}")
        tape += encode(instruction)
    return bytes(tape)


def disassemble(tape, lanes):
    """Return the instructions of ``tape`` up to and with its END; padding behind it is ignored."""
    instructions, offset = [], 0
    while not instructions or instructions[-1].opcode != Opcode.END:
        instruction, offset = decode_words(tape, offset)
        length = payload_bytes(instruction, lanes)
        if offset + length > len(tape):
            raise ValueError(f"The tape ends within the payload of {instruction.opcode.name}")
        payload = bytes(tape[offset:offset + length])
        instructions.append(Instruction(instruction.opcode, instruction.fields, payload))
        offset += length
    return instructions


def listing(instructions):
    """Yield one line of text for each instruction: name, fields that are not zero, payload size."""
    for instruction in instructions:
        form = INSTRUCTIONS[instruction.opcode]
        words = []
        for f in form.fields:
            value = instruction.fields.get(f.name, 0)
            if f.name and value:
                words.append(f"{f.name}={f.enum(value).name if f.enum else value}")
        if instruction.payload:
            words.append(f"payload={len(instruction.payload)}B")
        yield " ".join((instruction.opcode.name, *words))
