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

RUN_BASE, RUN_BEATS, RUN_COUNT and RUN_FLAGS say what is played, and do not change during a run;
START begins. With TOKENS set, each play of the tape begins by taking an input token for every slot
that takes part, from its queue. Where the queue is empty a slot of RUN_FEEDBACK takes its last
sampled token instead. At the tape's END the sampled token and the logits' CRC go to the ring,
TOKEN_COUNT and POSITION advance by one, and the next play begins. The token sampled while position
p was played is the prediction for position p + 1; while a prompt is played the ring holds
predictions that nobody needs. Tokens in excess stay queued for the next run.

## Slots that join and leave

RUN_RESET, RUN_SOURCE, RUN_FEEDBACK and RUN_ACTIVE may be written during a run. They are taken at
the token boundary, between two plays, and as long as the run is WAITING: first the slots of
RUN_RESET are reset, and their bits read 0 then; after that, those slots of RUN_ACTIVE that have an
input token take part in the next play, and PLAY_ACTIVE tells which. Written in the order of their
addresses, in one command, they never let a slot join before it is reset. A slot without an input
token is left out and does not stop the others, unless TOGETHER or CHAIN is set: then the play waits
for all of RUN_ACTIVE. Where nobody can take part the machine is WAITING, and the cycles count as
host wait.

A slot joins like this: its sampling is set, its first tokens are queued, its bit is written to
RUN_RESET and added to RUN_ACTIVE. Its bit in RUN_FEEDBACK is set when the last token of the prompt
is queued. It leaves when its bit is taken from RUN_ACTIVE, and has left when its bit in PLAY_ACTIVE
reads 0: from then on its ring, position and logits stand still, its settings may be written, and
QUEUE_CLEAR drops tokens that were left. What a slot computes does not depend on the others.

## Chains: prefill and speculation

With CHAIN set, the slots that take part in a play are consecutive positions of one text, lowest
slot first. The lowest goes on from the slot in RUN_SOURCE, from its position and state; every other
one from the next lower. A slot's POSITION and state are then as if it alone had played the text so
far, and its sampled token goes to its own ring; it is not fed back. RUN_SOURCE may be a slot that
takes part: with the highest one, each play of a run goes on where the one before ended. To drop the
last positions of a play, name the slot of the last one that was right in RUN_SOURCE for the next.
LOAD and STORE move each slot's own state, so a tape that keeps it in memory cannot be chained.
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
