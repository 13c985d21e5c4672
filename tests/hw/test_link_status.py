"""LinkStatus: what the host reads of the link's errors."""

from amaranth.back import rtlil

from bench import bus_read, simulate
from trine.hw.link_status import LinkStatus


def test_tells_dropped_frames():
    dut = LinkStatus()

    async def host(ctx):
        ctx.set(dut.dropped, 65535)
        assert await bus_read(ctx, dut.bus, 0) == 65535
        assert await bus_read(ctx, dut.bus, 1) == 0

    simulate(dut, host)


def test_converts():
    rtlil.convert(LinkStatus(), name="link_status")
