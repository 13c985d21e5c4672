"""The top of a board's gateware: clocks, reset, pads, LEDs around the core."""

import functools

from amaranth import *
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import connect

from ..core import Core
from ..link.uart import UART
from ..memory.block_ram import BlockRAM
from ..memory.sdram import SDRAMController
from .phase_shifter import PhaseShifter
from .pll import PLL, pll_settings
from .sdram_pads import SDRAMPads
from .status_leds import LEDS, StatusLEDs

__all__ = ["Top"]


class Top(Elaboratable):
    """The design for one board.

    A configuration whose memory is on-chip leaves the board's SDRAM alone.

    Parameters
    ----------
    board : :class:`Board`
        Where.
    config : :class:`Config`
        The machine.
    clock_hz : :class:`int`
        Clock of everything but the pads' second clock; the board's own where it is None.
    degrees : :class:`float`
        Phase of the SDRAM's clock; the board's default for the clock where it is None. None
        where the memory is on-chip.
    baud : :class:`int`
        Speed of the serial port; the board's own where it is None.

    Attributes
    ----------
    config : :class:`Config`
        The machine with the clock that the PLL makes.
    pll : :class:`PLLSettings`
        What the PLL makes.

    Raises
    ------
    ValueError
        Where the PLL cannot make the clock, the clock is too slow for the baud rate, the SDRAM
        controller cannot keep its timings, the machine's memory is not the board's, or there is a
        phase for an SDRAM that is not used.
    """

    def __init__(self, *, board, config, clock_hz=None, degrees=None, baud=None):
        clock_hz = clock_hz or board.clock_hz
        geometry = board.geometry
        if config.on_chip and degrees is not None:
            raise ValueError(f"Preset {config.name} uses no SDRAM, whose clock could have a phase; "
                             f"leave the phase out")
        if not config.on_chip and (config.memory_size != geometry.size
                                   or config.memory_bytes != geometry.beat_bytes):
            raise ValueError(
                f"Preset {config.name} has {config.memory_size:,} bytes of memory with "
                f"{config.memory_bytes} a beat, and the {board.title} has {geometry.size:,} with "
                f"{geometry.beat_bytes}; choose a preset made for it, such as ulx3s")
        if degrees is None:
            degrees = board.degrees(clock_hz)
        self.board = board
        self.pll = pll_settings(input_hz=board.input_hz, output_hz=clock_hz, degrees=degrees)
        self.config = config.replace(clock_hz=self.pll.output_hz)
        self._uart = UART(clock_hz=self.pll.output_hz, baud=baud or board.baud)
        if config.on_chip:
            self._memory = BlockRAM(beat_bytes=config.memory_bytes, depth=config.memory_beats,
                                    burst_beats=config.burst_beats)
        else:
            self._memory = SDRAMController(clock_hz=self.pll.output_hz, geometry=geometry,
                                           pad_latency=SDRAMPads.latency)

    def elaborate(self, platform):
        m = Module()

        @functools.cache
        def ports(resource, number=0):
            return platform.request(resource, number, dir="-")

        m.submodules.pll = pll = PLL(self.pll)
        m.submodules.core = core = Core(config=self.config)
        m.submodules.memory = memory = self._memory
        m.submodules.uart = uart = self._uart
        m.submodules.shifter = shifter = (
            PhaseShifter(steps=0) if self.config.on_chip
            else PhaseShifter(steps=self.pll.steps, built=self.pll.shift))
        m.submodules.leds = leds = StatusLEDs(clock_hz=self.pll.output_hz)

        # Clocks and reset. The button starts everything anew, the SDRAM as well.
        m.domains.sync = ClockDomain()
        m.submodules.clk = clk = io.Buffer("i", ports(platform.default_clk))
        m.d.comb += [pll.clk.eq(clk.i), ClockSignal("sync").eq(pll.o)]
        restart = Signal()
        m.d.comb += restart.eq(~pll.locked)
        if self.board.reset:
            m.submodules.button = button = io.Buffer("i", ports(*self.board.reset))
            m.d.comb += restart.eq(~pll.locked | button.i)
        m.submodules.reset = ResetSynchronizer(restart)

        # Memory, link, phase.
        connect(m, core=core.memory, controller=memory.memory)
        connect(m, core=core.clock, shifter=shifter.bus)
        m.d.comb += pll.phase_step.eq(shifter.step)
        if not self.config.on_chip:
            m.submodules.pads = pads = SDRAMPads(ports("sdram"), geometry=self.board.geometry)
            connect(m, controller=memory.pins, pads=pads.pins)
            m.domains.sdram = ClockDomain(reset_less=True)
            m.d.comb += [ClockSignal("sdram").eq(pll.shifted), memory.restart.eq(shifter.moved)]
        connect(m, uart=uart.o, core=core.rx)
        connect(m, core=core.tx, uart=uart.i)
        serial = ports("uart")
        m.submodules.rx = rx = io.Buffer("i", serial.rx)
        m.submodules.tx = tx = io.FFBuffer("o", serial.tx)
        m.d.comb += [uart.rx.eq(rx.i), tx.o.eq(uart.tx)]

        # LEDs, and what shall be quiet.
        m.d.comb += [
            leds.state.eq(core.state),
            leds.loading.eq(core.loading),
            leds.receiving.eq(uart.o.valid),
            leds.sending.eq(uart.i.valid),
            leds.reading.eq(core.memory.data.valid),
        ]
        lit = {pin: Signal() for pin in self.board.leds.values()}
        for pin, level in lit.items():
            names = [name for name, its in self.board.leds.items() if its == pin]
            m.d.comb += level.eq(Cat(leds.leds[list(LEDS).index(name)] for name in names).any())
        low = dict.fromkeys(self.board.quiet, C(0))
        for (resource, number, part), level in (lit | low).items():
            port = ports(resource, number)
            m.submodules += (pad := io.Buffer("o", getattr(port, part) if part else port))
            m.d.comb += pad.o.eq(level)

        return m
