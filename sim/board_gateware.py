"""The simulated board's gateware: the core, its memory, and the memory's chip."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from trine.hw.boards.phase_shifter import PhaseShifter
from trine.hw.core import Activity, Core
from trine.hw.memory.block_ram import BlockRAM
from trine.hw.memory.sdram import SDRAMController
from trine.hw.memory.sdram_timing import SDRAMGeometry

from .clock_phase import ClockPhase
from .paced_memory import PacedMemory
from .sdram_chip import SDRAMChip

__all__ = ["PHASE_STEPS", "PHASE_WINDOW", "BoardGateware"]

#: SDRAM chips by their bytes: the two that an ULX3S may carry, and one that nobody makes, for
#: models of published size.
_CHIPS = {chip.size: chip for chip in (
    SDRAMGeometry(cols=512), SDRAMGeometry(cols=1024), SDRAMGeometry(rows=16384, cols=2048))}
#: Steps of the SDRAM clock's period: those of 100 MHz from an oscillator of 600 MHz.
PHASE_STEPS = 48
#: Step at which the clock is built: 120 degrees.
_PHASE_BUILT = 16
#: First and last phase at which the SDRAM works, in steps later than built.
PHASE_WINDOW = -9, 17


class BoardGateware(wiring.Component):
    """The core as a board has it, with the link's bytes in place of a serial port.

    A small memory is block RAM. One of 2 bytes a beat is an SDRAM: of 32 or 64 MB that of an ULX3S,
    of 256 MB a hypothetical one. A wider one is known by its rate alone (:class:`PacedMemory`).

    Parameters
    ----------
    config : :class:`Config`
        Sizes.
    core : :class:`~amaranth.lib.wiring.Component`
        What takes the core's place, with the same ports: its netlist.
    chip_size : :class:`int`
        Bytes of the SDRAM chip, where it is not the one that the configuration believes in.
    phase_window : tuple of :class:`int`
        First and last phase at which the SDRAM works, in steps later than built.

    Members
    -------
    rx : :py:`In(stream.Signature(8))`
        Bytes from the host.
    tx : :py:`Out(stream.Signature(8))`
        Bytes to the host.
    violations : :py:`Out(32)`
        Rules of the SDRAM chip that were violated so far.
    activity : :py:`Out(Activity)`
        What the core's units do.

    Raises
    ------
    ValueError
        Where no memory has the configuration's size.
    """

    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))
    violations: Out(32)
    activity: Out(Activity)

    def __init__(self, *, config, core=None, chip_size=None, phase_window=PHASE_WINDOW):
        size = config.memory_size
        if not (config.on_chip or (
                size in _CHIPS if config.memory_bytes == 2 else size & (size - 1) == 0)):
            raise ValueError(f"The simulated board has 1 MB of block RAM at most, an SDRAM of 32, "
                             f"64 or 256 MB with 2 bytes a beat, or a wider memory of a power of "
                             f"two, not {size} bytes with {config.memory_bytes} a beat")
        self.config = config
        self.core = core or Core(config=config)
        self.chip_size = chip_size or config.memory_size
        self.phase_window = phase_window
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        config = self.config
        m.submodules.core = core = self.core
        connect(m, rx=flipped(self.rx), core=core.rx)
        connect(m, core=core.tx, tx=flipped(self.tx))
        m.d.comb += self.activity.eq(core.activity)

        sdram = not config.on_chip and config.memory_bytes == 2
        m.submodules.shifter = shifter = (
            PhaseShifter(steps=PHASE_STEPS, built=_PHASE_BUILT) if sdram
            else PhaseShifter(steps=0))
        connect(m, core=core.clock, shifter=shifter.bus)

        if config.on_chip:
            m.submodules.memory = memory = BlockRAM(
                beat_bytes=config.memory_bytes, depth=config.memory_beats,
                burst_beats=config.burst_beats)
        elif not sdram:
            m.submodules.chip = memory = PacedMemory(
                beat_bytes=config.memory_bytes, size=config.memory_size,
                burst_beats=config.burst_beats)
            m.d.comb += self.violations.eq(memory.violations)
        else:
            m.submodules.memory = memory = SDRAMController(
                clock_hz=config.clock_hz,
                geometry=_CHIPS[config.memory_size])
            m.submodules.chip = chip = SDRAMChip(
                clock_hz=config.clock_hz, geometry=_CHIPS[self.chip_size])
            m.submodules.phase = phase = ClockPhase(steps=PHASE_STEPS, window=self.phase_window)
            connect(m, controller=memory.pins, chip=chip.pins)
            m.d.comb += [
                phase.step.eq(shifter.step),
                chip.skew.eq(phase.skew),
                memory.restart.eq(shifter.moved),
                self.violations.eq(chip.violations),
            ]
        connect(m, core=core.memory, memory=memory.memory)

        return m
