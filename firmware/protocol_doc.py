"""Writes ``docs/link.md``: ``python -m trine.firmware.protocol_doc > docs/link.md``."""

from .protocol import BODY_MAX, CRC_MAX, DATA_MAX, EXCHANGES, PROTOCOL_VERSION, WINDOW, Status

__all__ = ["document"]

_TEXT = f"""\
# The link

Host and board exchange frames over any stream of bytes: a serial port, or the simulated board's
pipe. The host asks, the board answers; the board never speaks first. This page describes protocol
version {PROTOCOL_VERSION}. It is written by `python -m trine.firmware.protocol_doc`; the one source
is `firmware/protocol.py`.

## Frames

| bytes | content |
| --- | --- |
| 1 | sequence number |
| 1 | command (host) or status (board) |
| 0 to {BODY_MAX - 6} | payload |
| 4 | CRC-32 (zlib's) of all the bytes before it |

The whole is encoded with COBS (consistent overhead byte stuffing), which leaves no zero byte in
it, and ended by one zero byte, the delimiter. All numbers are little-endian. An empty frame (two
delimiters in a row) means nothing; a host may send a delimiter at any time to end what noise may
have begun. A frame with a wrong CRC, a block cut off, fewer than 6 bytes or more than {BODY_MAX} is
dropped without an answer, and counted in a register.

On a serial port: 8 data bits, no parity, 1 stop bit, no flow control, 3 Mbaud unless the board's
page says otherwise.

## Sequence numbers

Every frame carries a sequence number; the answer repeats it. The board remembers the number of the
command that it executed last, and that command's reply.

- HELLO is always executed, and its number becomes the last one.
- The last number plus one (modulo 256): the command is checked and executed.
- The last number again: the remembered reply is sent once more; nothing is executed.
- Any other number: OUT_OF_ORDER, with the number expected; nothing is executed.
- A command that is answered by anything but OK has had no effect and keeps its number: the next
  command bears it again.

So no command is executed twice, however often it arrives, and an OK for number *n* says that all
before *n* were executed too (cumulative acknowledgement). A host may therefore send up to {WINDOW}
frames ahead; where one is lost, OUT_OF_ORDER tells it at once where to go back to, and a time-out
does so at the end. What a read returned is remembered only until the next command: a host waits for
each reply to READ, MEM_READ and MEM_CRC.

Commands are checked in this order: sequence number, command, length, address. Each ends in bounded
time, whatever it says: at most {DATA_MAX} bytes are moved, or {CRC_MAX} summed.
"""


def document():
    """Return the text of ``docs/link.md``."""
    lines = [_TEXT, "## Commands", ""]
    for exchange in EXCHANGES.values():
        lines += [f"### {exchange.command.name} ({exchange.command:#04x})", "", exchange.doc, ""]
        for title, fields, tail in (
                ("request", exchange.request, exchange.request_data),
                ("reply", exchange.reply, exchange.reply_data)):
            if not fields and not tail:
                lines += [f"The {title} has no payload.", ""]
                continue
            lines += [f"| {title} | type | |", "| --- | --- | --- |"]
            lines += [f"| {f.name} | u{8 * f.bytes} | {f.doc} |" for f in fields]
            lines += [f"| data | | {tail} |"] if tail else []
            lines += [""]
    lines += ["## Status", "", "| status | code | |", "| --- | --- | --- |"]
    lines += [f"| {status.name} | {status:#04x} | {status.doc} |" for status in Status]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
