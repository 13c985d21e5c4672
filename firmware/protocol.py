"""The link between host and board: frames, commands and replies, described once.

Gateware, host driver, the board's model and ``docs/link.md`` all read this description.
"""

import enum
import zlib
from dataclasses import dataclass

__all__ = ["ADDRESS_SPACE", "BODY_MAX", "CRC_MAX", "DATA_MAX", "EXCHANGES", "GATEWARE_VERSION",
           "KEEP_ADDRESS", "MAGIC", "PAYLOAD_MAX", "PROTOCOL_VERSION", "WINDOW", "Command",
           "Deframer", "Exchange", "Field", "Frame", "FrameError", "Status", "cobs_decode",
           "cobs_encode", "decode", "encode", "pack", "unpack"]

#: First four bytes of the reply to HELLO.
MAGIC = int.from_bytes(b"TRNE", "little")
#: Changes with anything on this page.
PROTOCOL_VERSION = 1
#: Changes with the gateware's registers or behaviour.
GATEWARE_VERSION = 2
#: Most data bytes of one command or reply.
DATA_MAX = 1024
#: Most bytes that one MEM_CRC covers: it bounds the time of every command.
CRC_MAX = 65536
#: Frames that a host may have outstanding. A convention: the board has no such limit.
WINDOW = 8
#: Registers that the 20-bit register address can name.
ADDRESS_SPACE = 1 << 20
#: Set in the address of READ or WRITE, all words go to the one address (a queue's port).
KEEP_ADDRESS = 1 << 31
#: Most payload bytes: an address and the data.
PAYLOAD_MAX = 4 + DATA_MAX
#: Most bytes of a frame before COBS: sequence number, command, payload, CRC.
BODY_MAX = 2 + PAYLOAD_MAX + 4


class Command(enum.IntEnum):
    """What a frame asks the board to do."""

    HELLO = 0x01
    READ = 0x02
    WRITE = 0x03
    MEM_WRITE = 0x04
    MEM_READ = 0x05
    MEM_CRC = 0x06


class Status(enum.IntEnum):
    """What a reply says. Anything but OK means that the command had no effect."""

    OK = 0x80
    BAD_COMMAND = 0x81
    BAD_LENGTH = 0x82
    BAD_ADDRESS = 0x83
    OUT_OF_ORDER = 0x84
    NO_HELLO = 0x85

    @property
    def doc(self):
        """One sentence on when the board answers so."""
        return {
            Status.OK: "The command was executed; the payload is its answer.",
            Status.BAD_COMMAND: "The board does not know the command.",
            Status.BAD_LENGTH: "The payload does not have the command's length, or a count or "
                               "length in it is zero, too large or not whole.",
            Status.BAD_ADDRESS: "An address is not aligned, or the access leaves the registers "
                                "or the memory.",
            Status.OUT_OF_ORDER: "The sequence number is neither the next nor the last one; the "
                                 "payload (u8) is the one expected.",
            Status.NO_HELLO: "No HELLO since the board was reset.",
        }[self]


@dataclass(frozen=True)
class Field:
    """One unsigned little-endian field of a payload, ``bytes`` wide."""

    name: str
    bytes: int
    doc: str


@dataclass(frozen=True)
class Exchange:
    """One command and its answer: fields first, then data to the end of the payload.

    ``request_data`` and ``reply_data`` say in words what the data are, or are empty.
    """

    command: Command
    doc: str
    request: tuple[Field, ...] = ()
    request_data: str = ""
    reply: tuple[Field, ...] = ()
    reply_data: str = ""

    @property
    def request_bytes(self):
        """Bytes of the request's fields."""
        return sum(field.bytes for field in self.request)

    @property
    def reply_bytes(self):
        """Bytes of the reply's fields."""
        return sum(field.bytes for field in self.reply)


_REGISTER = Field("address", 4, "First register, in words. Bit 31: every word at this one "
                                "address; else the address counts up. Bits 20 to 30 are zero.")
_MEMORY = Field("address", 4, "First byte, a multiple of a memory burst.")

#: Commands with their payloads.
EXCHANGES = {exchange.command: exchange for exchange in (
    Exchange(Command.HELLO, "Tells who is there. Always accepted, with any sequence number, which "
             "the next command then follows.",
             reply=(Field("magic", 4, "The bytes `TRNE`."),
                    Field("protocol", 2, "Version of this protocol."),
                    Field("gateware", 2, "Version of the gateware."))),
    Exchange(Command.READ, "Reads registers, in order.",
             request=(_REGISTER, Field("count", 2, "Words, 1 to 256.")),
             reply_data="`count` words."),
    Exchange(Command.WRITE, "Writes registers, in order.",
             request=(_REGISTER,), request_data="1 to 256 words."),
    Exchange(Command.MEM_WRITE, "Writes memory; answered when the data are in memory.",
             request=(_MEMORY,),
             request_data="1 to 1024 bytes, a multiple of a memory burst."),
    Exchange(Command.MEM_READ, "Reads memory.",
             request=(_MEMORY, Field("length", 2, "Bytes, 1 to 1024, a multiple of a burst.")),
             reply_data="`length` bytes."),
    Exchange(Command.MEM_CRC, "Computes the CRC-32 (zlib's) of a piece of memory on the board.",
             request=(_MEMORY, Field("length", 4, "Bytes, 1 to 65536, a multiple of a burst.")),
             reply=(Field("crc", 4, "`zlib.crc32` of the bytes."),)),
)}


class FrameError(ValueError):
    """A frame was damaged; the message says how."""


@dataclass(frozen=True)
class Frame:
    """One frame: sequence number, command or status, payload."""

    seq: int
    code: int
    payload: bytes = b""


def pack(fields, *values):
    """Return ``values`` as the bytes of ``fields``; OverflowError where one does not fit."""
    return b"".join(value.to_bytes(field.bytes, "little")
                    for field, value in zip(fields, values, strict=True))


def unpack(fields, payload):
    """Return the values of ``fields`` at the start of ``payload``, and the bytes behind them."""
    values = []
    for field in fields:
        values.append(int.from_bytes(payload[:field.bytes], "little"))
        payload = payload[field.bytes:]
    return values, payload


def cobs_encode(body):
    """Encode ``body`` without zero bytes; the delimiter is not included.

    Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999.
    """
    encoded = bytearray()
    *runs, last = body.split(b"\0")
    for run in runs:
        encoded += _blocks(run)
    # A full block at the very end is not followed by an empty one.
    encoded += _blocks(last)[:-1 if last and len(last) % 254 == 0 else None]
    return bytes(encoded)


def _blocks(run):
    """Return the blocks of a run without zeros; the last of them stands for a zero behind it."""
    full = len(run) // 254 * 254
    return (b"".join(b"\xff" + run[at:at + 254] for at in range(0, full, 254))
            + bytes((len(run) - full + 1,)) + run[full:])


def cobs_decode(encoded):
    """Decode what lies between two delimiters; FrameError where a block is cut off."""
    body = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        if code == 0:
            raise FrameError("A delimiter lies inside a frame")
        block = encoded[at + 1:at + code]
        if len(block) != code - 1:
            raise FrameError("A frame ends inside a COBS block")
        if 0 in block:
            raise FrameError("A delimiter lies inside a frame")
        body += block
        at += code
        if code != 255 and at < len(encoded):
            body.append(0)
    return bytes(body)


def encode(seq, code, payload=b""):
    """Return the frame's bytes on the link, its delimiter included."""
    body = bytes((seq, code)) + payload
    return cobs_encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"


def decode(encoded):
    """Return the :class:`Frame` between two delimiters; FrameError where it is damaged."""
    body = cobs_decode(encoded)
    if not 6 <= len(body) <= BODY_MAX:
        raise FrameError(f"A frame has {len(body)} bytes, not 6 to {BODY_MAX}")
    if zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        raise FrameError("A frame's CRC does not match")
    return Frame(body[0], body[1], body[2:-4])


class Deframer:
    """Finds the frames in a stream of bytes that comes in pieces.

    ``dropped`` counts the damaged frames; empty ones (two delimiters in a row) are none.
    """

    #: Bytes on the link of the longest frame.
    _LONGEST = BODY_MAX + -(-BODY_MAX // 254) + 1

    def __init__(self):
        self.dropped = 0
        self._rest = bytearray()
        self._flooded = False

    def feed(self, received):
        """Take the next bytes and return the list of frames they complete."""
        *pieces, rest = bytes(self._rest + received).split(b"\0")
        frames = []
        for piece in pieces:
            flooded, self._flooded = self._flooded, False
            if not piece and not flooded:
                continue
            try:
                if flooded:
                    raise FrameError(f"A frame is longer than {BODY_MAX} bytes")
                frames.append(decode(piece))
            except FrameError:
                self.dropped += 1
        if len(rest) > self._LONGEST:
            # Noise without end must not fill the host's memory.
            self._flooded, rest = True, b""
        self._rest = bytearray(rest)
        return frames
