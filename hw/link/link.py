"""The link: the board's end of the frames, from bytes to registers and memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.firmware.protocol import GATEWARE_VERSION

from ..skid_buffer import SkidBuffer
from .bus import RegisterBus
from .cobs_decoder import CobsDecoder
from .cobs_encoder import CobsEncoder
from .command_port import CommandPort
from .frame_receiver import FrameReceiver
from .frame_sender import FrameSender
from .memory_port import BurstSignature

__all__ = ["Link"]


class Link(wiring.Component):
    """Executes what arrives in frames on a stream of bytes (``docs/link.md``).

    The simulated board uses the streams as they are, a byte a clock; a board puts a
    :class:`.uart.UART` before them. No input can lock the link, as long as registers and memory
    answer and ``tx`` is taken.

    Parameters
    ----------
    beat_bytes, burst_beats, addr_width, gateware_version : :class:`int`
        As for :class:`CommandPort`.

    Members
    -------
    rx : :py:`In(stream.Signature(8))`
        Bytes from the host. Stalls only while two whole frames wait.
    tx : :py:`Out(stream.Signature(8))`
        Bytes for the host.
    bus : :py:`Out(RegisterBus)`
        The registers.
    memory : :py:`Out(BurstSignature(...))`
        The memory's burst port.
    dropped : :py:`Out(16)`
        Damaged frames so far; stops at 65535.

    Memory: four block RAMs.
    """

    def __init__(self, *, beat_bytes, burst_beats, addr_width, gateware_version=GATEWARE_VERSION):
        self.beat_bytes = beat_bytes
        self.burst_beats = burst_beats
        self.addr_width = addr_width
        self.gateware_version = gateware_version
        super().__init__({
            "rx": In(stream.Signature(8)),
            "tx": Out(stream.Signature(8)),
            "bus": Out(RegisterBus),
            "memory": Out(BurstSignature(beat_bytes=beat_bytes, addr_width=addr_width)),
            "dropped": Out(16),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.decoder = decoder = CobsDecoder()
        m.submodules.receiver = receiver = FrameReceiver()
        m.submodules.commands = commands = CommandPort(
            beat_bytes=self.beat_bytes, burst_beats=self.burst_beats,
            addr_width=self.addr_width, gateware_version=self.gateware_version)
        m.submodules.sender = sender = FrameSender()
        m.submodules.encoder = encoder = CobsEncoder()

        connect(m, rx=flipped(self.rx), decoder=decoder.i)
        connect(m, decoder=decoder.o, receiver=receiver.i)
        connect(m, receiver=receiver.frame, commands=commands.frame)
        m.submodules.border = border = SkidBuffer(8)
        connect(m, receiver=receiver.bytes, border=border.i)
        connect(m, border=border.o, commands=commands.bytes)
        connect(m, commands=commands.o, sender=sender.i)
        connect(m, sender=sender.o, encoder=encoder.i)
        connect(m, encoder=encoder.o, tx=flipped(self.tx))
        connect(m, commands=commands.bus, bus=flipped(self.bus))
        connect(m, commands=commands.memory, memory=flipped(self.memory))
        m.d.comb += self.dropped.eq(receiver.dropped)

        return m
