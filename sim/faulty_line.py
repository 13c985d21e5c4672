"""A line between host and board on which everything goes wrong that can: for tests of the link."""

from collections import Counter, deque

__all__ = ["FAULTS", "FaultyLine", "LineEnded"]

#: What happens to a frame: a bit flips; bytes are lost, or all of it, or all from some byte on;
#: noise comes into it; it arrives twice, or all that was sent with it does; it is late by a
#: time-out, or the line stands still for several.
FAULTS = ("flip", "lose", "drop", "truncate", "noise", "repeat", "stammer", "delay", "stall")


class LineEnded(ConnectionError):
    """The line has ended."""


class FaultyLine:
    """A line that spoils one frame in ``1 / rate``, in both directions, and may end.

    It has what :class:`trine.host.links.Transport` has. As on any serial line no byte overtakes
    another. Time does not pass: where nothing comes :meth:`read` gives up at once, so a stall is
    counted in reads that find nothing.

    Parameters
    ----------
    inner
        A faultless line to the board, with ``write(data)``, ``read(timeout)`` and ``pause``.
    rng : :class:`random.Random`
        Says what happens.
    rate : :class:`float`
        Share of the frames that are spoilt.
    faults : sequence of :class:`str`
        Some of :data:`FAULTS`.
    patience : :class:`float`
        Seconds that the inner line is waited for at most.

    Attributes
    ----------
    faults_done : :class:`collections.Counter`
        How often each fault was put in.
    longest_silence : :class:`int`
        The most reads in a row that found nothing.
    """

    name = "the line"
    keeps_memory = True
    simulated = True
    now = None

    def __init__(self, inner, rng, *, rate=0.2, faults=FAULTS, patience=0.001):
        self._inner, self._rng, self._rate = inner, rng, rate
        self._faults, self._patience = faults, patience
        self.faults_done = Counter()
        self.longest_silence = self._silence = 0
        self._to_board, self._to_host = deque(), deque()  # pieces; None is a time without any
        self._left = None  # frames until it ends
        self._end = ""
        self._ended = False

    def end_after(self, frames, fault):
        """Let the line end once ``frames`` more have passed, by "disconnect" or by "death".

        A line that is disconnected ends within a frame, and what was on it is lost. Where the host
        dies, what it has sent still arrives, by :meth:`flush_all`.
        """
        self._left, self._end = frames, fault

    def write(self, data):
        """Send ``data``; LineEnded where the line has ended."""
        self._check()
        self._to_board += self._spoil(data, self._to_board)

    def read(self, timeout):
        """Return what has arrived, or nothing; LineEnded where the line has ended."""
        self._check()
        self.flush()
        if received := self._inner.read(min(timeout, self._patience)):
            self._to_host += self._spoil(received, self._to_host)
        received = _until_pause(self._to_host)
        self._silence = 0 if received else self._silence + 1
        self.longest_silence = max(self.longest_silence, self._silence)
        return received

    def flush(self):
        """Hand the board what has been sent, up to the next pause."""
        if data := _until_pause(self._to_board):
            self._inner.write(data)

    def flush_all(self):
        """Hand the board all that has been sent and is not lost, though nobody reads any more."""
        if self._ended and self._end == "disconnect":
            self._to_board.clear()
        while self._to_board:
            self.flush()

    def pause(self, seconds):
        """Let the board work."""
        self._inner.pause(seconds)

    def close(self):
        """Do nothing: the inner line is its owner's."""

    def _check(self):
        if self._ended:
            raise LineEnded(f"{self.name} has ended ({self._end})")

    def _spoil(self, data, ahead):
        """Return the pieces in which ``data`` travels behind others; None is a time without any."""
        *frames, rest = data.split(b"\0")
        frames = [frame + b"\0" for frame in frames] + ([rest] if rest else [])
        # A line that stands still already cannot stop: else every repetition would delay the next.
        still = None in ahead
        pieces, stammer = [], False
        for frame in frames:
            if self._left == 0:
                self._ended = True
                self.faults_done[self._end] += 1
                if self._end == "disconnect":
                    pieces.append(frame[:self._rng.randrange(len(frame))])
                break
            if self._left is not None:
                self._left -= 1
            fault = self._rng.choice(self._faults) if self._rng.random() < self._rate else ""
            if fault in ("delay", "stall"):
                still, fault = True, "" if still else fault
            if fault:
                self.faults_done[fault] += 1
            stammer |= fault == "stammer"
            pieces += self._carry(frame, fault)
        return pieces * 2 if stammer else pieces

    def _carry(self, frame, fault):
        """Return the pieces in which one frame travels."""
        rng, frame = self._rng, bytearray(frame)
        at = rng.randrange(len(frame))
        match fault:
            case "flip":
                frame[at] ^= 1 << rng.randrange(8)
            case "lose":
                del frame[at:at + rng.randrange(1, 9)]
            case "drop":
                frame.clear()
            case "truncate":
                del frame[at:]
            case "noise":
                frame[at:at] = rng.randbytes(rng.randrange(1, 9))
            case "repeat":
                frame *= 2
            case "delay":
                return [None, bytes(frame)]
            case "stall":
                return [None] * rng.randrange(2, 6) + [bytes(frame)]
        return [bytes(frame)]


def _until_pause(pieces):
    """Take the pieces up to the next pause, which goes with them, and return them as one."""
    taken = bytearray()
    while pieces and (piece := pieces.popleft()) is not None:
        taken += piece
    return bytes(taken)
