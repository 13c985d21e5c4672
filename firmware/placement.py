"""Where a token's vectors, the recurrent state and the constants lie in the machine's memories."""

import math
from dataclasses import dataclass, field

from .config import Config
from .isa import ASource, Instruction, Target

__all__ = ["Constants", "Part", "States", "Vectors", "check"]


def check(what, needed, available, name):
    """Raise ValueError where a field of the configuration is smaller than what is needed."""
    if needed > available:
        raise ValueError(f"The model needs {needed} {what}, the configuration has {available}: "
                         f"raise {name}, or take a smaller model")


@dataclass(frozen=True)
class Part:
    """Elements ``start`` to ``stop`` of a vector, from ``at`` on in vector or state memory.

    over_state : where a streamed state is, until it is stored
    """

    memory: Target
    at: int
    start: int
    stop: int
    over_state: bool = False

    @property
    def source(self):
        """The part as operand a."""
        return ASource.STATE if self.memory == Target.STATE else ASource.VECTOR

    @property
    def length(self):
        """Elements."""
        return self.stop - self.start


@dataclass(frozen=True)
class States:
    """The layers' recurrent states.

    They stay in state memory where all of them fit. Else they are streamed: each layer's is loaded
    from memory before it is used, and stored behind it.

    layers : number of layers; dim : elements of a state; pitch : elements from one layer's to the
    next, in state memory as well as in the area where a slot's state lies in memory; unit :
    elements of which a part of a state may begin at multiples
    """

    layers: int
    dim: int
    pitch: int
    unit: int
    streamed: bool

    @classmethod
    def place(cls, layers, dim, config):
        """Return where the states of a model lie; ValueError where not even one fits."""
        check("words of state memory", config.aligned(dim), config.state_words, "state_words")
        streamed = layers * config.aligned(dim) > config.state_words
        unit = config.vector_lanes
        if streamed:
            # Loads and stores begin with a burst.
            unit = math.lcm(unit, config.burst_bytes // 4)
        return cls(layers, dim, -(-dim // unit) * unit, unit, streamed)

    def at(self, layer):
        """Return the address of a layer's state in state memory."""
        return 0 if self.streamed else layer * self.pitch

    @property
    def kept(self):
        """Words of state memory that hold states."""
        return self.pitch if self.streamed else self.layers * self.pitch

    def parts(self, count):
        """Return (start, stop) of ``count`` parts of a state, or fewer, each in whole bursts."""
        size = -(-self.dim // (count * self.unit)) * self.unit
        return [(start, min(start + size, self.dim)) for start in range(0, self.dim, size)]

    def move(self, opcode, layer, start, stop, config):
        """Return the LOAD or STORE of a part of a streamed state, at an address within its area."""
        beat = config.memory_bytes
        return Instruction(opcode, {
            "wide": 1, "target": Target.STATE, "dst": self.at(layer) + start,
            "length": stop - start, "base": 4 * (layer * self.pitch + start) // beat,
            "slot_stride": self.slot_bytes(config) // beat})

    def slot_bytes(self, config):
        """Return the bytes from one slot's states to the next one's in memory: whole bursts."""
        return -(-4 * self.layers * self.pitch // config.burst_bytes) * config.burst_bytes


@dataclass(frozen=True)
class Vectors:
    """Addresses of vectors, counted in elements, in vector memory but for the parts.

    Vectors are as long as whole rows of the memory. The residual comes first, then ``product``,
    which every projection's input goes through, and which later holds g.

    rows : rows of f and i that are worked on at once, ``dim`` where there is room; f, i : those;
    silu : SiLU of the state; codes : addresses of the codes of f, i and g; z : the parts of the
    channel mixer's vector; chunk : its rows that are worked on at once; gate, up : those;
    words, state_words, code_words : what is needed of the memories
    """

    rows: int
    chunk: int
    product: int
    f: int
    i: int
    gate: int
    up: int
    silu: Part
    z: tuple[Part, ...]
    codes: tuple[int, int, int]
    words: int
    state_words: int
    code_words: int
    residual: int = 0

    @classmethod
    def place(cls, dim, hidden_dim, states, config):
        """Return where the vectors of a model lie; ValueError where they don't fit."""
        d = config.aligned(dim)
        rows = cls._rows(d, config)
        f = 2 * d
        i = f + rows
        whole = rows == d
        silu = Part(Target.VECTOR, f, 0, dim) if whole else Part(Target.STATE, states.kept, 0, dim)
        chunk, z = cls._z(d, hidden_dim, states, config)
        gate = d + config.aligned(z[0].length)
        state_words = max([states.kept + (0 if whole else d),
                           *(part.at + part.length for part in z[1:])])
        check("words of state memory", state_words, config.state_words, "state_words")
        code_words = max(hidden_dim, dim if whole else 3 * d)
        check("words of code memory", code_words, config.code_words, "code_words")
        return cls(rows=rows, chunk=chunk, product=d, f=f, i=i, gate=gate, up=gate + chunk,
                   silu=silu, z=tuple(z), codes=(0, 0, 0) if whole else (0, d, 2 * d),
                   words=max(i + rows, gate + 2 * chunk), state_words=state_words,
                   code_words=code_words)

    @staticmethod
    def needed(dim, hidden_dim, config):
        """Return the words of vector memory with which nothing is worked on in parts but z."""
        d, hidden = config.aligned(dim), config.aligned(hidden_dim)
        return max(4 * d, d + hidden + 2 * config.lanes)

    @staticmethod
    def _rows(d, config):
        """Return the rows of f and i that are worked on at once."""
        room = config.vector_words - 2 * d
        if room >= 2 * d:
            return d
        check("words of vector memory", 2 * (d + config.lanes), config.vector_words, "vector_words")
        return room // 2 // config.lanes * config.lanes

    @staticmethod
    def _z(d, hidden_dim, states, config):
        """Return the rows of gate and up at once, and the parts of z."""
        lanes, hidden = config.lanes, config.aligned(hidden_dim)
        room, chunk = config.vector_words - d, hidden
        while chunk > lanes and hidden + 2 * chunk > room:
            chunk = -(-chunk // 2 // lanes) * lanes
        if hidden + 2 * chunk <= room:
            return chunk, (Part(Target.VECTOR, d, 0, hidden_dim),)
        # The rest goes to state memory: behind the states, at last over one that is stored by then.
        # Statistics must be kept from part to part.
        places = []
        if config.keeps_statistics:
            places.append((states.kept, (config.state_words - states.kept) // lanes * lanes))
            if states.streamed:
                places.append((0, states.kept // lanes * lanes))
        least = max(1, -(-(hidden - sum(size for _, size in places)) // lanes)) * lanes
        check("words of vector memory", d + least + 2 * lanes, config.vector_words, "vector_words")
        chunk = (room - least) // 2 // lanes * lanes
        start = (room - 2 * chunk) // lanes * lanes
        parts = [Part(Target.VECTOR, d, 0, start)]
        for at, size in places:
            stop = min(start + size, hidden_dim)
            if stop > start:
                parts.append(Part(Target.STATE, at, start, stop,
                                  over_state=states.streamed and at == 0))
            start = stop
        return chunk, tuple(parts)


@dataclass
class Constants:
    """Constant memory: where each vector lies.

    All lie there for good where they fit. Else the longest do, and the others stand in the tape:
    each is filled in just before its use, behind those that stay.

    at : addresses of the vectors that stay; filled : address for the others; size : what all of
    them would take
    """

    config: Config
    at: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    filled: int = 0
    size: int = 0

    def add(self, name, vector):
        """Add ``vector``."""
        self.values[name] = vector
        self.size += self.config.aligned(len(vector))

    def settle(self):
        """Decide which vectors stay, once all are added."""
        words = self.config.constant_words
        names = list(self.values)
        if self.size > words:
            names.sort(key=lambda name: -len(self.values[name]))
        sizes = [self.config.aligned(len(self.values[name])) for name in names] + [0]
        for n, name in enumerate(names):
            # The longest of those behind must still have room.
            if self.size > words and self.filled + sizes[n] + sizes[n + 1] > words:
                break
            self.at[name] = self.filled
            self.filled += sizes[n]
