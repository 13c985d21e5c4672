"""The configuration: every size on which gateware, compiler, golden model and host must agree."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass

__all__ = ["PRESETS", "Config", "preset"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """One machine, frozen and validated.

    Parameters
    ----------
    name : str
        Name of the preset, for people.
    lanes : int
        Rows the array works on at once, a multiple of 5 (five trits share a byte).
    slots : int
        Independent activations that share each weight read.
    vector_lanes : int
        Elements the vector engine works on at once, 1, 2, 4 or 8; ``lanes`` is a multiple of it.
    memory_bytes : int
        Bytes of one memory beat, one beat a clock at most.
    burst_beats : int
        Beats of a burst; addresses and lengths in memory are multiples of it.
    memory_size : int
        Bytes of tape memory, in whole bursts.
    fifo_bytes : int
        Bytes of tape that the reader may run ahead.
    vector_words : int
        Elements (int32) of the vector memory, per slot.
    constant_words : int
        Elements (16 bits) of the constant memory.
    state_words : int
        Elements (int32) of the state memory, per slot.
    code_words : int
        Elements (int8) of the code memory, per slot.
    max_cols : int
        Largest number of columns of a matrix; fixes the width of the accumulators.
    logit_words : int
        Elements (int32) of the logit buffer that the host reads, per slot.
    token_queue : int
        Tokens the host may queue ahead, per slot.
    clock_hz : int
        Clock assumed where no place-and-route or board says otherwise.

    Raises
    ------
    ValueError
        Where a size is not positive, not a power of two where it must be, or does not fit the
        instruction set's fields.
    """

    name: str
    lanes: int
    slots: int = 1
    vector_lanes: int = 1
    memory_bytes: int
    burst_beats: int = 8
    memory_size: int
    fifo_bytes: int
    vector_words: int
    constant_words: int
    state_words: int
    code_words: int
    max_cols: int
    logit_words: int
    token_queue: int = 256
    clock_hz: int = 100_000_000

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name != "name" and (not isinstance(value, int) or value < 1):
                raise ValueError(f"Configuration field {field.name} must be a positive integer, "
                                 f"not {value!r}")
        if self.lanes % 5:
            raise ValueError(f"Lane count must be a multiple of 5, not {self.lanes}")
        if self.vector_lanes not in (1, 2, 4, 8):
            raise ValueError(f"Vector lane count must be 1, 2, 4 or 8, not {self.vector_lanes}")
        if self.lanes % self.vector_lanes:
            raise ValueError(f"Lane count must be a multiple of the {self.vector_lanes} vector "
                             f"lanes, not {self.lanes}")
        if self.memory_bytes < 2:
            raise ValueError(f"A memory beat must have 2 bytes or more, not {self.memory_bytes}")
        if self.slots > 16:
            raise ValueError(f"Slot count must be 16 or less, not {self.slots}")
        for name in ("memory_bytes", "burst_beats", "fifo_bytes", "vector_words",
                     "constant_words", "state_words", "code_words", "logit_words", "token_queue"):
            value = getattr(self, name)
            if value & (value - 1):
                raise ValueError(f"Configuration field {name} must be a power of two, not {value}")
        if self.memory_size % self.burst_bytes:
            raise ValueError(f"Configuration field memory_size must be a multiple of the burst's "
                             f"{self.burst_bytes} bytes, not {self.memory_size}")
        for name in ("vector_words", "constant_words", "state_words", "code_words"):
            if not self.vector_lanes <= getattr(self, name) <= 1 << 16:
                raise ValueError(f"Configuration field {name} must be {self.vector_lanes} to "
                                 f"65536, not {getattr(self, name)}")
        if self.max_cols >= 1 << 14:
            raise ValueError(f"Column count must be below 16384, not {self.max_cols}")

    @property
    def step_bytes(self):
        """Packed bytes of one full array step."""
        return self.lanes // 5

    @property
    def word_bytes(self):
        """Bytes of one FIFO word: an instruction word or a full step, and whole memory beats."""
        word = max(4, self.memory_bytes)
        while word < self.step_bytes:
            word *= 2
        return word

    @property
    def burst_bytes(self):
        """Bytes of one memory burst."""
        return self.memory_bytes * self.burst_beats

    @property
    def memory_beats(self):
        """Beats of tape memory."""
        return self.memory_size // self.memory_bytes

    @property
    def ring_entries(self):
        """Sampled tokens that the board keeps for the host, per slot."""
        return 1024 if self.slots == 1 else 256

    @property
    def on_chip(self):
        """Whether the tape memory is block RAM: a DRAM is never this small."""
        return self.memory_size <= 1 << 20

    @property
    def keeps_statistics(self):
        """Whether a statistic may be gathered over several instructions: with several slots."""
        return self.slots > 1

    @property
    def addr_width(self):
        """Bits of the address of a beat of tape memory."""
        return (self.memory_beats - 1).bit_length()

    @property
    def acc_width(self):
        """Bits of an accumulator: holds 127 * max_cols with its sign."""
        return (127 * self.max_cols).bit_length() + 1

    def aligned(self, words):
        """Return the number of elements of whole rows that hold ``words`` elements of a vector."""
        return -(-words // self.vector_lanes) * self.vector_lanes

    def digest(self):
        """Return the 32-bit digest by which host and board make sure they mean the same machine."""
        fields = {key: value for key, value in dataclasses.asdict(self).items()
                  if key not in ("name", "clock_hz")}
        text = json.dumps(fields, sort_keys=True).encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")

    def replace(self, **changes):
        """Return a copy with some fields changed, validated again."""
        return dataclasses.replace(self, **changes)


#: Configurations by name.
PRESETS = {
    # Small enough to simulate in Python; on-chip memory.
    "tiny": Config(name="tiny", lanes=10, memory_bytes=2, memory_size=1 << 17,
                   fifo_bytes=512, vector_words=512, constant_words=1024, state_words=128,
                   code_words=128, max_cols=128, logit_words=128, token_queue=16),
    # ULX3S: 16-bit SDRAM, 10 trits a clock, and an array that catches up at twice that rate.
    "ulx3s": Config(name="ulx3s", lanes=20, memory_bytes=2, memory_size=32 << 20,
                    fifo_bytes=8192, vector_words=2048, constant_words=16384, state_words=1024,
                    code_words=2048, max_cols=2048, logit_words=1024),
    # Many streams on the 85F of an ULX3S: each weight read serves all slots. With two lanes the
    # vector engine would fall behind the memory.
    "ulx3s-8": Config(name="ulx3s-8", lanes=20, slots=8, vector_lanes=4, memory_bytes=2,
                      memory_size=32 << 20, fifo_bytes=16384, vector_words=2048,
                      constant_words=16384, state_words=4096, code_words=2048, max_cols=2048,
                      logit_words=256),
    # Of 16 slots' vectors the block RAM holds half as much: states of large models are streamed.
    "ulx3s-16": Config(name="ulx3s-16", lanes=20, slots=16, vector_lanes=4, memory_bytes=2,
                       memory_size=32 << 20, fifo_bytes=32768, vector_words=1024,
                       constant_words=4096, state_words=1024, code_words=2048, max_cols=2048,
                       logit_words=128, token_queue=64),
    # A memory as fast as the DDR3 of an ECPIX-5, for models of published size. Simulated only:
    # there is no controller for it yet.
    "ecpix-5": Config(name="ecpix-5", lanes=80, vector_lanes=4, memory_bytes=8,
                      memory_size=512 << 20, fifo_bytes=32768, vector_words=4096,
                      constant_words=8192, state_words=2048, code_words=4096, max_cols=4096,
                      logit_words=128),
    # No DRAM: the whole model in block RAM of an 85F, and a lane for every row of it. A beat is a
    # step of the array.
    "onchip": Config(name="onchip", lanes=160, vector_lanes=4, memory_bytes=32, burst_beats=4,
                     memory_size=10 << 15, fifo_bytes=512, vector_words=2048,
                     constant_words=8192, state_words=1024, code_words=512, max_cols=512,
                     logit_words=128),
}


def preset(name):
    """Return the preset called ``name``; ValueError names those that exist."""
    if name not in PRESETS:
        raise ValueError(f"Preset {name!r} does not exist; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
