"""Golden boards whose memory is not what it should be."""

from trine.firmware.config import preset
from trine.firmware.registers import MEMORY_TEST_ERRORS, MemoryTestMode, address
from trine.sim.golden_board import GoldenBoard

__all__ = ["AliasedBoard", "PhasedBoard", "SpoiltBoard"]


class SpoiltBoard(GoldenBoard):
    """A board that flips bits between writing and reading: masks by byte address."""

    def __init__(self, flips):
        super().__init__(preset("tiny"))
        self.flips = flips

    def _test_memory(self, mode):
        if MemoryTestMode.READ in mode:
            for place, mask in self.flips.items():
                self.memory[place] ^= mask
        super()._test_memory(mode)


class AliasedBoard(GoldenBoard):
    """A board that ignores bits of an address: a mask in bytes."""

    def __init__(self, ignored, *, memory_size=1 << 17):
        super().__init__(preset("tiny").replace(memory_size=memory_size))
        self.ignored = ignored

    def _piece(self, address, length, longest):
        return super()._piece(address & ~self.ignored, length, longest)


class PhasedBoard(GoldenBoard):
    """A board whose memory works at ``good`` phases, and at ``edge`` phases now and then."""

    def __init__(self, *, steps=48, built=16, good=range(48), edge=()):
        super().__init__(preset("tiny"))
        self.steps = steps
        self.good = {phase % steps for phase in good}
        self.edge = {phase % steps for phase in edge}
        self.registers |= {address("PHASE_STEPS"): steps, address("PHASE_BUILT"): built}
        self.phases = []

    def write_register(self, word_address, word):
        """Shift the phase at once."""
        super().write_register(word_address, word)
        if word_address == address("PHASE_TARGET"):
            self.registers[address("PHASE")] = word
            self.phases.append(word)

    def _test_memory(self, mode):
        super()._test_memory(mode)
        phase = self.registers.get(address("PHASE"), 0)
        if phase not in self.good:
            self.registers[address("MEMORY_TEST_ERRORS")] = (
                3 if phase in self.edge else MEMORY_TEST_ERRORS)
            self.registers[address("MEMORY_TEST_BITS")] = 0xFFFF
