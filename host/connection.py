"""A connection to a board: commands over a line that may lose, spoil and repeat bytes."""

import itertools
import random
import struct
import time
import zlib
from collections import deque
from dataclasses import dataclass

from trine.firmware.protocol import (
    CRC_MAX,
    DATA_MAX,
    EXCHANGES,
    KEEP_ADDRESS,
    MAGIC,
    PROTOCOL_VERSION,
    WINDOW,
    Command,
    Deframer,
    Status,
    encode,
    pack,
    unpack,
)

from .checksum import crc32_combine
from .links import DeviceError

__all__ = ["CommandRefused", "Connection", "Greeting"]


class CommandRefused(DeviceError):
    """The board refused a command, which had no effect; ``status`` says why."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Greeting:
    """What HELLO tells: versions of protocol and gateware."""

    protocol: int
    gateware: int


class Connection:
    """Executes commands on a board, each exactly once.

    Writes go out up to ``window`` frames ahead of their acknowledgements. Damaged frames are sent
    again, in both directions, unseen by the caller. Where an exception leaves a method, it is not
    known how much of it was executed, but for :class:`CommandRefused`; say :meth:`hello` before
    anything else then.

    Parameters
    ----------
    transport : :class:`.links.Transport`
        The line. It stays the caller's to close.
    timeout : :class:`float`
        Seconds without any answer after which frames are sent again.
    retries : :class:`int`
        How often, without any progress, before the device is given up.
    window : :class:`int`
        Frames ahead.
    """

    def __init__(self, transport, *, timeout=0.5, retries=6, window=WINDOW):
        self.transport = transport
        self.timeout = timeout
        self.retries = retries
        self.window = window
        #: Frames sent more than once, for whoever wants to judge a line.
        self.resent = 0
        self._deframer = Deframer()
        self._next = None

    @property
    def dropped(self):
        """Damaged frames received so far."""
        return self._deframer.dropped

    @property
    def greeted(self):
        """Whether commands may be sent; where not, :meth:`hello` comes first."""
        return self._next is not None

    def hello(self):
        """Greet the board and agree on sequence numbers; return its :class:`Greeting`."""
        deadline = time.monotonic() + self.timeout
        while self.transport.read(0) and time.monotonic() < deadline:
            pass
        self._deframer.feed(b"\0")
        self._next = None
        seq = random.randrange(256)
        exchange = EXCHANGES[Command.HELLO]
        for attempt in range(self.retries + 1):
            self.resent += attempt > 0
            # The delimiter ends what noise, or another program, may have begun.
            self.transport.write(b"\0" + encode(seq, Command.HELLO))
            deadline = time.monotonic() + self.timeout
            while (frames := self._receive(deadline)) and time.monotonic() < deadline:
                for frame in frames:
                    if (frame.seq, frame.code) != (seq, Status.OK) or \
                            len(frame.payload) != exchange.reply_bytes:
                        continue
                    (magic, protocol, gateware), _ = unpack(exchange.reply, frame.payload)
                    if magic != MAGIC:
                        raise DeviceError(f"The device on {self.transport.name} is no Trine board")
                    if protocol != PROTOCOL_VERSION:
                        raise DeviceError(
                            f"The device on {self.transport.name} speaks version {protocol} of the "
                            f"link protocol and this program version {PROTOCOL_VERSION}: use the "
                            "bitstream and the program of one release")
                    self._next = (seq + 1) % 256
                    return Greeting(protocol, gateware)
        raise self._silent()

    def read(self, address, count=1, *, keep=False):
        """Return ``count`` registers from ``address`` on, or ``count`` times the one at it."""
        words = []
        while len(words) < count:
            now = min(count - len(words), DATA_MAX // 4)
            at = address | KEEP_ADDRESS if keep else address + len(words)
            words += struct.unpack(f"<{now}I", self._ask(Command.READ, at, now, reply=4 * now))
        return words

    def write(self, address, words, *, keep=False):
        """Write ``words`` to the registers from ``address`` on, or all to the one at it."""
        words = list(words)
        fields = EXCHANGES[Command.WRITE].request
        self._run((
            (Command.WRITE, pack(fields, address | KEEP_ADDRESS if keep else address + at)
             + struct.pack(f"<{len(piece)}I", *piece))
            for at in range(0, len(words), DATA_MAX // 4)
            for piece in [words[at:at + DATA_MAX // 4]]), self.window)

    def memory_write(self, address, data, progress=None, *, resume=False):
        """Write ``data`` to the memory; both ends lie on memory bursts.

        Parameters
        ----------
        progress : callable
            Called with the number of bytes that have newly arrived, as tqdm's ``update`` wants it.
        resume : :class:`bool`
            Sends only the pieces (64 KiB) whose checksum differs on the board.
        """
        progress = progress or (lambda count: None)
        data = memoryview(data).cast("B")
        fields = EXCHANGES[Command.MEM_WRITE].request
        for begin in range(0, len(data), CRC_MAX):
            part = data[begin:begin + CRC_MAX]
            if resume and self.memory_crc(address + begin, len(part)) == zlib.crc32(part):
                progress(len(part))
                continue
            pieces = [part[at:at + DATA_MAX] for at in range(0, len(part), DATA_MAX)]
            sizes = map(len, pieces)
            self._run((
                (Command.MEM_WRITE, pack(fields, address + begin + n * DATA_MAX) + bytes(piece))
                for n, piece in enumerate(pieces)),
                self.window, lambda sizes=sizes: progress(next(sizes)))

    def memory_read(self, address, length, progress=None):
        """Return ``length`` bytes of memory; both ends lie on memory bursts."""
        data = bytearray()
        while len(data) < length:
            now = min(length - len(data), DATA_MAX)
            data += self._ask(Command.MEM_READ, address + len(data), now, reply=now)
            if progress:
                progress(now)
        return bytes(data)

    def memory_crc(self, address, length, progress=None):
        """Return the CRC-32 (zlib's) of a piece of memory; both ends lie on memory bursts."""
        fields = EXCHANGES[Command.MEM_CRC].reply
        crc = 0
        for begin in range(0, length, CRC_MAX):
            now = min(length - begin, CRC_MAX)
            (part,), _ = unpack(fields, self._ask(Command.MEM_CRC, address + begin, now, reply=4))
            crc = crc32_combine(crc, part, now)
            if progress:
                progress(now)
        return crc

    def _ask(self, command, *values, reply):
        """Execute one command and return its answer of ``reply`` bytes."""
        payload = self._run([(command, pack(EXCHANGES[command].request, *values))], 1)
        if len(payload) != reply:
            self._next = None
            raise DeviceError(f"The device on {self.transport.name} answered {command.name} with "
                              f"{len(payload)} bytes, not {reply}")
        return payload

    def _receive(self, deadline):
        """Return the next frames; none if there is none until ``deadline``."""
        while True:
            left = deadline - time.monotonic()
            received = self.transport.read(max(left, 0))
            frames = self._deframer.feed(received)
            if frames or not received:
                return frames
            if left <= 0:
                return []

    def _run(self, requests, window, acknowledged=lambda: None):
        """Execute ``requests`` (command, payload) in order; return the last one's answer.

        Go-back-N: an answer for a number stands for all numbers before it as well.
        """
        if not self.greeted:
            raise DeviceError(f"Say hello to the device on {self.transport.name} first")
        base, self._next = self._next, None  # unknown, should anything interrupt us
        requests = iter(requests)
        waiting = deque()  # (command, payload, frame), the first one's number is `base`
        flying = deque()  # numbers of frames on their way, as far as we know
        attempts, reply, reason = 0, b"", None
        deadline = 0.0

        def send(seqs_and_frames, prefix=b""):
            nonlocal deadline
            deadline = time.monotonic() + self.timeout
            flying.extend(seq for seq, _ in seqs_and_frames)
            self.transport.write(prefix + b"".join(frame for _, frame in seqs_and_frames))

        def acknowledge(count):
            nonlocal base, attempts, reason, deadline
            for _ in range(count):
                waiting.popleft()
                acknowledged()
            if count:
                base = (base + count) % 256
                attempts, reason = 0, None
                deadline = time.monotonic() + self.timeout

        def send_again():
            nonlocal attempts
            attempts += 1
            if attempts > self.retries:
                raise reason or self._silent()
            self.resent += len(waiting)
            send([((base + n) % 256, frame) for n, (_, _, frame) in enumerate(waiting)], b"\0")

        while True:
            fresh = []
            for command, payload in itertools.islice(requests, window - len(waiting)):
                seq = (base + len(waiting)) % 256
                waiting.append((command, payload, encode(seq, command, payload)))
                fresh.append((seq, waiting[-1][2]))
            if not waiting:
                self._next = base
                return reply
            if fresh:
                send(fresh)

            frames = self._receive(deadline)
            for frame in frames:
                if frame.seq in flying:
                    while flying.popleft() != frame.seq:
                        pass
                ahead = (frame.seq - base) % 256
                if frame.code == Status.NO_HELLO:
                    raise DeviceError(f"The device on {self.transport.name} was reset")
                if frame.code == Status.OUT_OF_ORDER and len(frame.payload) == 1:
                    done = (frame.payload[0] - base) % 256
                    if done == window == 1:
                        done = 0  # executed, but the answer is missing: it will be sent again
                    if done <= len(waiting):
                        acknowledge(done)
                        # Go back, unless the frame that the board lacks is already on its way.
                        if waiting and base not in flying:
                            send_again()
                    elif ahead < len(waiting):
                        # An echo from before, or a board that others talk to.
                        reason = DeviceError(f"The device on {self.transport.name} is out of step: "
                                             "does another program use it?")
                elif ahead >= len(waiting):
                    continue  # an echo of what was acknowledged before
                elif frame.code == Status.OK:
                    reply = frame.payload
                    acknowledge(ahead + 1)
                elif frame.code in {*Status}:
                    acknowledge(ahead)
                    self._next = base
                    raise self._refused(*waiting[0][:2], Status(frame.code))
            if waiting and (not frames or time.monotonic() > deadline):
                flying.clear()
                send_again()

    def _refused(self, command, payload, status):
        fields = EXCHANGES[command].request
        values, data = unpack(fields, payload)
        said = ", ".join(f"{field.name} {value:#x}" for field, value in zip(fields, values))
        said += f", {len(data)} bytes" if data else ""
        return CommandRefused(f"The device on {self.transport.name} refused {command.name} "
                              f"({said}): {status.doc}", status)

    def _silent(self):
        return DeviceError(f"The device on {self.transport.name} does not answer: check its power, "
                           "its bitstream and the baud rate")
