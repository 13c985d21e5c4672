"""Identification: which machine this is."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from trine.firmware.protocol import GATEWARE_VERSION
from trine.firmware.registers import CONFIG_FIELDS, MAGIC, PAGES, address

from .link.bus import RegisterBus
from .register_file import RegisterFile

__all__ = ["Identification"]


class Identification(wiring.Component):
    """Tells magic number, version, and the configuration.

    Parameters
    ----------
    config : :class:`Config`
        What is told.

    Members
    -------
    bus : :py:`In(RegisterBus)`
        Page ``identification``.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({"bus": In(RegisterBus)})

    def elaborate(self, platform):
        m = Module()

        m.submodules.file = file = RegisterFile()
        connect(m, flipped(self.bus), file.bus)

        words = {"MAGIC": MAGIC, "VERSION": GATEWARE_VERSION,
                 "CONFIG_DIGEST": self.config.digest(),
                 **{f"CONFIG_{name.upper()}": getattr(self.config, name)
                    for name in CONFIG_FIELDS}}
        with m.Switch(file.addr):
            for name, word in words.items():
                with m.Case(address(name) - PAGES["identification"].address):
                    m.d.comb += file.word.eq(word)

        return m
