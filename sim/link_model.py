"""The board's end of the link in Python: what the gateware does with frames, byte for byte."""

import zlib

from trine.firmware.protocol import (
    ADDRESS_SPACE,
    CRC_MAX,
    DATA_MAX,
    EXCHANGES,
    GATEWARE_VERSION,
    KEEP_ADDRESS,
    MAGIC,
    PROTOCOL_VERSION,
    Command,
    Deframer,
    Status,
    encode,
    pack,
    unpack,
)

__all__ = ["BoardModel"]


class _Refused(Exception):
    """A command cannot be executed; the argument is the status that says why."""


class BoardModel:
    """A board with registers and memory behind the link, without the rest.

    :meth:`receive` takes bytes from the host and returns the bytes that the board sends. Subclasses
    give registers a behaviour by overriding :meth:`read_register` and :meth:`write_register`.

    Parameters
    ----------
    registers : :class:`dict`
        Values by address; a register that is not in it reads 0.
    memory : :class:`bytearray`
        The memory, modified in place.
    burst_bytes : :class:`int`
        Bytes of a memory burst.
    gateware_version : :class:`int`
        Told by HELLO.

    Attributes
    ----------
    executed : :class:`list`
        The (command, payload) of all that was executed, in order.
    """

    def __init__(self, *, registers=None, memory=None, burst_bytes=16,
                 gateware_version=GATEWARE_VERSION):
        self.registers = {} if registers is None else registers
        self.memory = bytearray() if memory is None else memory
        self.burst_bytes = burst_bytes
        self.gateware_version = gateware_version
        self.executed = []
        self._deframer = Deframer()
        self._last = None
        self._reply = b""

    @property
    def dropped(self):
        """Damaged frames so far; the register stops at 65535."""
        return min(self._deframer.dropped, 0xffff)

    def reset(self):
        """Forget everything about the host, as after a reset; registers and memory stay."""
        self._deframer = Deframer()
        self._last = None

    def receive(self, received):
        """Take bytes from the host; return the bytes for the host."""
        return b"".join(self._answer(frame) for frame in self._deframer.feed(received))

    def read_register(self, address):
        """Return the word at ``address``."""
        return self.registers.get(address, 0)

    def write_register(self, address, word):
        """Store ``word`` at ``address``."""
        self.registers[address] = word

    def _answer(self, frame):
        if frame.code != Command.HELLO:
            if self._last is None:
                return encode(frame.seq, Status.NO_HELLO)
            if frame.seq == self._last:
                return self._reply
            expected = (self._last + 1) % 256
            if frame.seq != expected:
                return encode(frame.seq, Status.OUT_OF_ORDER, bytes((expected,)))
        try:
            reply = self._execute(frame.code, frame.payload)
        except _Refused as refusal:
            return encode(frame.seq, *refusal.args)
        self.executed.append((frame.code, frame.payload))
        self._last = frame.seq
        self._reply = encode(frame.seq, Status.OK, reply)
        return self._reply

    def _execute(self, code, payload):
        if code not in EXCHANGES:
            raise _Refused(Status.BAD_COMMAND)
        exchange = EXCHANGES[code]
        if len(payload) < exchange.request_bytes or (
                len(payload) > exchange.request_bytes and not exchange.request_data):
            raise _Refused(Status.BAD_LENGTH)
        values, data = unpack(exchange.request, payload)
        match exchange.command:
            case Command.HELLO:
                return pack(exchange.reply, MAGIC, PROTOCOL_VERSION, self.gateware_version)
            case Command.READ:
                return b"".join(self.read_register(address).to_bytes(4, "little")
                                for address in self._addresses(*values))
            case Command.WRITE:
                if len(data) % 4:
                    raise _Refused(Status.BAD_LENGTH)
                for n, address in enumerate(self._addresses(values[0], len(data) // 4)):
                    self.write_register(address, int.from_bytes(data[4 * n:4 * n + 4], "little"))
                return b""
            case Command.MEM_WRITE:
                self.memory[self._piece(values[0], len(data), DATA_MAX)] = data
                return b""
            case Command.MEM_READ:
                return bytes(self.memory[self._piece(*values, DATA_MAX)])
            case Command.MEM_CRC:
                return pack(exchange.reply, zlib.crc32(self.memory[self._piece(*values, CRC_MAX)]))

    def _addresses(self, address, count):
        if not 1 <= count <= DATA_MAX // 4:
            raise _Refused(Status.BAD_LENGTH)
        step = 0 if address & KEEP_ADDRESS else 1
        first = address & ~KEEP_ADDRESS
        if first + step * (count - 1) >= ADDRESS_SPACE:
            raise _Refused(Status.BAD_ADDRESS)
        return range(first, first + count) if step else [first] * count

    def _piece(self, address, length, longest):
        if not 1 <= length <= longest or length % self.burst_bytes:
            raise _Refused(Status.BAD_LENGTH)
        if address % self.burst_bytes or address + length > len(self.memory):
            raise _Refused(Status.BAD_ADDRESS)
        return slice(address, address + length)
