"""Link status: errors seen on the link."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from trine.firmware.registers import PAGES, address

from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["LinkStatus"]


class LinkStatus(wiring.Component):
    """Tells how many frames the link has dropped.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``link``.
    dropped : :py:`In(16)`
        Frames dropped, see :class:`Link`.
    """

    bus: In(RegisterBus)
    dropped: In(16)

    def elaborate(self, platform):
        m = Module()

        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)
        with m.If(file.addr == address("LINK_DROPPED") - PAGES["link"].address):
            m.d.comb += file.word.eq(self.dropped)

        return m
