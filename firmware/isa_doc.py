"""Writes ``docs/isa.md``: ``python -m trine.firmware.isa_doc > docs/isa.md``."""

from .isa import INSTRUCTIONS, N_SCALARS, ASource, BSource, Opcode, Statistic, Target

__all__ = ["document"]

_TEXT = f"""\
# The instruction set

A model is a tape: one stream of bytes that holds instructions and packed weights in the order of
their use, played once for every token. There is no program counter, no branch and no address of a
weight. This page is written by `python -m trine.firmware.isa_doc`; the one source is
`firmware/isa.py`. What each instruction computes is defined by `sim/golden/machine.py`.

## Encoding

An instruction is one to six 32-bit words, little-endian; the opcode is in the six lowest bits of
the first, fields follow from the least significant bit upwards in the order given here. A payload
follows at once. Nothing is aligned: the next instruction begins at the next byte. Behind END a tape
is padded to whole bursts of memory.

## Numbers

Vectors are int32 fixed point; their fraction bits are known to the tape's maker alone.
`round(x >> s)` is `(x + 2^(s-1)) >> s`, and x for s = 0; `saturate` limits to int32. A scalar is
m * 2^e, m zero or with bit 30 as its highest of 31 bits, e signed of 10 bits; each slot has
{N_SCALARS} scalar registers, of which register 0 reads as zero and drops what is written to it.
`round(a * scalar)` is `round(a * m >> -e)`; a shift by 64 or more gives 0, a shift to the left the
limit. Scalar results are truncated.

## Order

Vector, array and memory instructions are carried out one after the other, each for all active
slots. Scalar instructions run beside them; whoever reads a register waits for it, so a tape can't
tell the difference. A statistic is written when its instruction ends. On a machine with several
slots `stat` 63 keeps it: the next instruction with a statistic, of the same kind, gathers on beside
it.

## Memories

Each slot has vector memory (int32), state memory (int32), code memory (int8) and scalar registers;
constant memory (16 bits) is shared. Addresses count elements; where a
machine has several vector lanes, those of vectors are multiples of their number, and the assembler
refuses others. What a unit reads beyond a memory's end is undefined; the tape compiler checks.
"""


def _enumeration(enumeration):
    rows = ["| value | name |", "| --- | --- |"]
    rows += [f"| {member.value} | {member.name} |" for member in enumeration]
    return [f"### {enumeration.__name__}", "", enumeration.__doc__, "", *rows, ""]


def _instruction(form):
    lines = [f"### {form.opcode.name} ({int(form.opcode)})", "", form.doc, ""]
    lines += ["| bits | field | |", "| --- | --- | --- |", "| 5:0 | opcode | |"]
    at = 6
    for field in form.fields:
        kind = " Signed." if field.signed else ""
        lines.append(f"| {at + field.bits - 1}:{at} | {field.name or '-'} | {field.doc}{kind} |")
        at += field.bits
    if form.payload:
        lines += ["", f"Payload: {form.payload}"]
    return [*lines, ""]


def document():
    """Return the text of ``docs/isa.md``."""
    lines = [_TEXT, "## Instructions", ""]
    for form in INSTRUCTIONS.values():
        lines += _instruction(form)
    reserved = ", ".join(f"{op.name} ({int(op)})" for op in Opcode if op not in INSTRUCTIONS)
    lines += ["### Reserved", "", f"For attention: {reserved}; and the length 0xFFFF.", "",
              "## Values of fields", ""]
    for enumeration in (ASource, BSource, Target, Statistic):
        lines += _enumeration(enumeration)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(document(), end="")
