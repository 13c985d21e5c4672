"""A tape's instructions, as the machine reads them, and what it says of a tape that is broken."""

from dataclasses import replace

from trine.firmware.assembler import decode_words, payload_bytes
from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.registers import Error, describe_error

__all__ = ["TapeFault", "instructions"]


class TapeFault(ValueError):
    """A tape that cannot be played to its end: ``error``, ``position`` and ``word`` as registers.

    ``word`` means something for an undefined opcode only.
    """

    def __init__(self, error, position, word=0):
        super().__init__(describe_error(error, position, word))
        self.error, self.position, self.word = error, position, word


def instructions(data, lanes):
    """Yield the instructions of a tape, payloads and its END included; TapeFault where one fails.

    data : bytes of whole bursts; lanes : of the machine
    """
    offset, opcode = 0, None
    while opcode != Opcode.END:
        start, word = offset, int.from_bytes(data[offset:offset + 4], "little")
        if start + 4 <= len(data) and word & 63 not in INSTRUCTIONS:
            raise TapeFault(Error.UNDEFINED_OPCODE, start, word)
        try:
            instruction, offset = decode_words(data, offset)
        except ValueError as error:
            raise TapeFault(Error.TAPE_ENDED, start) from error
        end = offset + payload_bytes(instruction, lanes)
        if end > len(data):
            raise TapeFault(Error.TAPE_ENDED, start)
        opcode = instruction.opcode
        yield replace(instruction, payload=data[offset:end])
        offset = end
