"""Identification: the configuration as the host reads it."""

from amaranth.back import rtlil

from bench import bus_read, simulate
from trine.firmware.config import Config, preset
from trine.firmware.registers import CONFIG_FIELDS, MAGIC, address
from trine.hw.identification import Identification


def test_tells_the_configuration():
    config = preset("tiny")
    dut = Identification(config=config)

    async def host(ctx):
        assert await bus_read(ctx, dut.bus, address("MAGIC")) == MAGIC
        fields = {name: await bus_read(ctx, dut.bus, address(f"CONFIG_{name.upper()}"))
                  for name in CONFIG_FIELDS}
        assert Config(name="tiny", **fields) == config
        assert await bus_read(ctx, dut.bus, address("CONFIG_DIGEST")) == config.digest()
        assert await bus_read(ctx, dut.bus, 63) == 0

    simulate(dut, host)


def test_converts():
    rtlil.convert(Identification(config=preset("ulx3s")), name="identification")
