"""Writes ``docs/registers.md``: ``python -m trine.firmware.registers_doc > docs/registers.md``."""

import enum

from .registers import PAGES, REGISTERS, Access, Cause

__all__ = ["document"]

_TEXT = """\
# The registers

What a host reads and writes on the board through the commands READ and WRITE of the
[link](link.md). Addresses count 32-bit words. This page is written by
`python -m trine.firmware.registers_doc`; the one source is `firmware/registers.py`.

An address that is not listed reads 0, and writes to it are dropped. Arrays are in row-major order;
what exists once for each slot has 16 places, of which the first `CONFIG_SLOTS` are in use. A 64-bit
counter is two registers: reading the low word keeps the high word of the same moment.

## A run

RUN_BASE, RUN_BEATS, RUN_COUNT, RUN_ACTIVE, RUN_RESET and RUN_FLAGS say what is played; START
begins. With TOKENS set, each play of the tape begins by taking an input token for every active slot
from its queue. Where the queue is empty, FEEDBACK takes the slot's last sampled token instead; else
the machine is WAITING, and the cycles count as host wait. At the tape's END the sampled token and
the logits' CRC go to the ring, TOKEN_COUNT and POSITION advance by one, and the next play begins.
The token sampled while position p was played is the prediction for position p + 1; while a prompt
is played the ring holds predictions that nobody needs. Tokens in excess stay queued for the next
run.
"""

_ACCESS = {Access.READ: "read", Access.WRITE: "write", Access.READ_WRITE: "read, write"}


def _members(enumeration):
    """Return the values of an enumeration in one line."""
    mark = "bit" if issubclass(enumeration, enum.Flag) else ""
    values = ((m.name, m.value.bit_length() - 1 if mark else m.value) for m in enumeration)
    return "; ".join(f"{mark} {value} {name}".strip() for name, value in values) + "."


def document():
    """Return the text of ``docs/registers.md``."""
    lines = [_TEXT]
    for page in PAGES.values():
        lines += [f"## {page.name.replace('_', ' ').capitalize()}", "", page.doc, "",
                  "| address | name | access | |", "| --- | --- | --- | --- |"]
        for register in REGISTERS.values():
            if not page.address <= register.address < page.address + page.size:
                continue
            dims = "".join(f"[{size}]" for size in register.dims)
            values = f" {_members(register.enum)}" if register.enum else ""
            lines.append(f"| {register.address:#07x} | {register.name}{dims} | "
                         f"{_ACCESS[register.access]} | {register.doc}{values} |")
        lines.append("")
    lines += ["## Causes", "",
              "Every cycle of a run counts for exactly one cause, the first of this list that "
              "holds: " + ", ".join(cause.name for cause in Cause) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
