"""What every memory offers the core: a linear stream for the tape and random bursts."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BURST_BEATS_WIDTH", "BurstCommand", "MemorySignature", "TapeCommand"]


#: Bits of the length of a random burst, in beats.
BURST_BEATS_WIDTH = 12


class TapeCommand(data.StructLayout):
    """Payload: play ``beats`` beats of the tape from beat address ``addr``."""

    def __init__(self, addr_width):
        super().__init__({"addr": unsigned(addr_width), "beats": unsigned(addr_width + 1)})


class BurstCommand(data.StructLayout):
    """Payload: read, or ``write``, ``beats`` beats from beat address ``addr``."""

    def __init__(self, addr_width):
        super().__init__({"addr": unsigned(addr_width), "beats": unsigned(BURST_BEATS_WIDTH),
                          "write": unsigned(1)})


class MemorySignature(wiring.Signature):
    """The memory as its initiator, the core, sees it.

    A beat is what the memory moves in one clock at most. Addresses count beats. Every address and
    every length is a multiple of the memory's burst (8 beats by default); the bits below are
    ignored. Both kinds of command run past no end: an address wraps at the size of the memory.

    The tape port reads long stretches at the memory's full speed. A second command may be given
    while the first runs; its data follow without a gap. The memory never loses data when ``data``
    stalls: it starts only those bursts whose data it can hold.

    The burst port has priority over the tape whenever the memory chooses its next burst. Bursts
    run in the order in which they were commanded, so a read sees what was written before it. Tape
    bursts are not ordered against random ones: wait for ``done`` before playing what was written.
    A burst that lacks write data, or room for its read data, does not hold up the tape, nor does a
    stalled tape hold up a burst.

    Parameters
    ----------
    beat_bytes : :class:`int`
        Bytes of a beat, a power of two.
    addr_width : :class:`int`
        Bits of a beat address.

    Members
    -------
    tape : :py:`Out(stream.Signature(TapeCommand(addr_width)))`
        Stretches to read. Zero beats are no stretch. Taken, and forgotten, during ``cancel``.
    data : :py:`In(stream.Signature(8 * beat_bytes))`
        The tape in its order.
    cancel : :py:`Out(1)`
        While high, no further tape burst is chosen, and the running and the queued command are
        forgotten. Data of bursts already chosen still arrive.
    idle : :py:`In(1)`
        No tape command is queued or running, and no tape data are outstanding.
    burst : :py:`Out(stream.Signature(BurstCommand(addr_width)))`
        Random bursts. Zero beats do nothing.
    wdata : :py:`Out(stream.Signature(8 * beat_bytes))`
        Data of the write bursts in their order; may be offered before the command.
    rdata : :py:`In(stream.Signature(8 * beat_bytes))`
        Data of the read bursts in their order.
    done : :py:`In(1)`
        High for one clock when all of a write burst is in the memory.

    Raises
    ------
    ValueError
        If a beat is not a power of two of bytes, or an address has no bits.
    """

    def __init__(self, *, beat_bytes, addr_width):
        if beat_bytes < 1 or beat_bytes & (beat_bytes - 1):
            raise ValueError(f"Beat must be a power of two of bytes, not {beat_bytes!r}")
        if addr_width < 1:
            raise ValueError(f"Address width must be positive, not {addr_width!r}")
        self._beat_bytes = beat_bytes
        self._addr_width = addr_width

        beat = unsigned(8 * beat_bytes)
        super().__init__({
            "tape": Out(stream.Signature(TapeCommand(addr_width))),
            "data": In(stream.Signature(beat)),
            "cancel": Out(1),
            "idle": In(1),
            "burst": Out(stream.Signature(BurstCommand(addr_width))),
            "wdata": Out(stream.Signature(beat)),
            "rdata": In(stream.Signature(beat)),
            "done": In(1),
        })

    @property
    def beat_bytes(self):
        """Bytes of a beat."""
        return self._beat_bytes

    @property
    def addr_width(self):
        """Bits of a beat address."""
        return self._addr_width

    def __eq__(self, other):
        return (isinstance(other, MemorySignature) and self.beat_bytes == other.beat_bytes
                and self.addr_width == other.addr_width)

    def __repr__(self):
        return (f"MemorySignature(beat_bytes={self.beat_bytes!r}, "
                f"addr_width={self.addr_width!r})")
