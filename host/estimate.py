"""Estimates: what a model of any size would do on a board or with a memory, by the timing model."""

import math
from dataclasses import dataclass, replace

from trine.firmware.assembler import payload_bytes, tape_bytes
from trine.firmware.compiler import outline
from trine.firmware.config import preset
from trine.firmware.isa import Opcode
from trine.firmware.model import Model
from trine.firmware.placement import States, Vectors
from trine.hw.boards import find_board
from trine.sim.timing.memory import SDRAM, BlockRAM, GivenMemory, PacedMemory
from trine.sim.timing.outline import projections_code, shape_model
from trine.sim.timing.predict import predict

from .commands.inspect import block_rams
from .power import Shares, Watts, estimate_board
from .power import estimate as estimate_power
from .synthetic import Shape

__all__ = ["BITNET_2B4T", "PUBLISHED", "Estimate", "GivenRate", "Target", "estimate"]

#: Published MatMul-free models, arXiv 2406.02528: layers, dim, hidden and vocabulary.
PUBLISHED = {
    "370m": Shape(layers=24, dim=1024, hidden=2816, vocab=32000),
    "1.3b": Shape(layers=24, dim=2048, hidden=5632, vocab=32000),
    "2.7b": Shape(layers=32, dim=2560, hidden=6912, vocab=32000),
}
#: The matrices of a layer of BitNet b1.58 2B4T, (rows, columns): q, k, v, o, gate and up, down;
#: and its layers. Attention, norms, embedding and head are not on the machine yet.
BITNET_2B4T = ((2560, 2560), (640, 2560), (640, 2560), (2560, 2560), (13824, 2560), (2560, 6912))
_BITNET_LAYERS = 30
#: Layers that are played; the others take as long as these beyond the first do on average.
_PLAYED = 3
#: Weights up to which all layers are played.
_ALL_PLAYED = 30_000_000
#: Cells of an array's lane in one slot, drain included, and of a lane of the vector engine, as
#: docs/area.md has them: lut4, ff, dsp.
_UNIT, _VECTOR_LANE = (46, 73, 0), (1436, 4867, 14)
#: Bytes of tape in a block RAM of an ECP5.
_BLOCK_RAM_BYTES = 2048


@dataclass(frozen=True)
class GivenRate:
    """A memory by its figures: bytes of a beat, bytes in all, share of the clocks with a beat."""

    beat_bytes: int
    size: int
    efficiency: float = 1.0


@dataclass(frozen=True)
class Target:
    """What a model is to run on.

    board : its name; preset : name of a configuration; slots, lanes, vector_lanes : None for the
    preset's; clock_hz : None for the board's; memory : :class:`GivenRate`, None for the board's
    """

    board: str
    preset: str = "ulx3s"
    slots: int | None = None
    lanes: int | None = None
    vector_lanes: int | None = None
    clock_hz: int | None = None
    memory: GivenRate | None = None


@dataclass(frozen=True)
class Estimate:
    """What a model would do.

    config : the configuration that it needs; changes : (preset's, needed) of its fields that had to
    be raised, by name; memory_needed, memory_size : bytes; block_rams : (needed, available);
    cycles : of a step, which gives each slot a token; weights : ternary ones, used once a step;
    streamed_bytes : of a recurrent state that does not fit the state memory, which each slot loads
    and stores for each token, 0 where it fits; watts : of the board; watts_source : in words
    """

    model: str
    shape: Shape | None
    board: str
    preset: str
    config: object
    changes: dict
    clock_hz: int
    memory: str
    memory_needed: int
    memory_size: int
    block_rams: tuple
    cycles: float
    weights: int
    streamed_bytes: int
    shares: Shares
    watts: Watts
    watts_source: str

    @property
    def memory_missing(self):
        """Bytes of memory that the model lacks, 0 where it fits."""
        return max(0, self.memory_needed - self.memory_size)

    @property
    def fits(self):
        """Whether memory and block RAM suffice, and nothing is larger than the preset's."""
        return not (self.memory_missing or self.changes
                    or self.block_rams[0] > self.block_rams[1])

    @property
    def tokens_per_second(self):
        """Tokens a second of all slots together."""
        return self.config.slots * self.clock_hz / self.cycles

    @property
    def roofline(self):
        """Share of the memory's peak that goes into ternary weights."""
        return self.weights / 5 / self.config.memory_bytes / self.cycles

    @property
    def joules_per_token(self):
        """:class:`Watts`, in joules a token."""
        return self.watts.scaled(1 / self.tokens_per_second)


def _power_of_two(n):
    return 1 << max(0, n - 1).bit_length()


def _raised(config, needed):
    """Return (configuration with fields raised to what is ``needed``, what has changed)."""
    changes = {name: (getattr(config, name), words) for name, words in needed.items()
               if words > getattr(config, name)}
    return config.replace(**{name: words for name, (_, words) in changes.items()}), changes


def _machine(target):
    """Return (configuration, board, clock, memory's size, its name) of a :class:`Target`."""
    board, config = find_board(target.board), preset(target.preset)
    clock_hz = target.clock_hz or board.clock_hz
    fields = {name: getattr(target, name) for name in ("slots", "lanes", "vector_lanes")
              if getattr(target, name) is not None}
    if target.memory:
        rate = target.memory
        fields["memory_bytes"] = rate.beat_bytes
        # The array takes twice what the memory delivers, so that it catches up after a stall.
        fields.setdefault("lanes", max(config.lanes, 10 * rate.beat_bytes))
        size, name = rate.size, (f"a memory of {rate.beat_bytes} bytes a clock, "
                                 f"{rate.efficiency:.0%} of them used")
    elif config.on_chip:
        size, name = config.memory_size, "block RAM"
    elif config.memory_bytes != board.geometry.beat_bytes:
        size, name = config.memory_size, f"the simulated memory of {config.memory_bytes} bytes"
    else:
        size, name = board.geometry.size, "SDRAM"
    return config.replace(**fields, clock_hz=clock_hz), board, clock_hz, size, name


def _timed(target, config, board):
    """Return a new memory of the timing model."""
    if target.memory:
        return GivenMemory(burst_beats=config.burst_beats, efficiency=target.memory.efficiency)
    if preset(target.preset).on_chip:
        return BlockRAM(burst_beats=config.burst_beats)
    if config.memory_bytes != board.geometry.beat_bytes:
        return PacedMemory(burst_beats=config.burst_beats)
    return SDRAM(clock_hz=config.clock_hz, geometry=board.geometry)


def _needed(config, dim, hidden, columns):
    """Return the sizes that a model needs, by the configuration's fields."""
    return {
        "max_cols": columns, "code_words": _power_of_two(columns),
        "vector_words": _power_of_two(Vectors.needed(dim, hidden, config)),
        "constant_words": _power_of_two(config.aligned(max(dim, hidden))),
    }


def _placed(config, shape):
    """Return the states of a model in a configuration, or None where its vectors do not fit."""
    try:
        states = States.place(shape.layers, shape.dim, config)
        Vectors.place(shape.dim, shape.hidden, states, config)
    except ValueError:
        return None
    return states


def _work(code, config):
    """Return the steps of the array and the beats of the vector engine that a tape asks for."""
    steps = beats = 0
    for instruction in code:
        fields = instruction.fields
        if instruction.opcode == Opcode.MATVEC:
            rows = fields["rows"]
            steps += fields["cols"] * -(-rows // config.lanes)
            beats += config.slots * -(-rows // config.vector_lanes)
        elif "length" in fields and instruction.opcode != Opcode.FILL:
            beats += config.slots * -(-fields["length"] // config.vector_lanes)
    return steps, beats


def _step_cycles(code_of, layers, weights, config, memory, progress):
    """Return the cycles of a step of the model whose tape of n layers is ``code_of(n)``."""
    def played(n, plays):
        code = code_of(n)
        progress(sum(payload_bytes(i, config.lanes) for i in code) * plays)
        return predict(config, code, plays=plays, memory=memory()).plays[-1]

    if weights <= _ALL_PLAYED or layers <= _PLAYED:
        return played(layers, 3)
    one, some = played(1, 1), played(_PLAYED, 1)
    return one + (layers - 1) * (some - one) / (_PLAYED - 1)


def _power(target, board, config, clock_hz, shares, block_rams):
    """Return the watts and where they are from; cells beyond the preset's are added up."""
    power = estimate_board(board.name, target.preset, clock_hz, shares)
    base, resources = preset(target.preset), dict(power.resources)
    units = config.lanes * config.slots - base.lanes * base.slots
    lanes = config.vector_lanes - base.vector_lanes
    for name, of_unit, of_lane in zip(("lut4", "ff", "dsp"), _UNIT, _VECTOR_LANE):
        resources[name] = max(1, resources[name] + units * of_unit + lanes * of_lane)
    resources["bram"] = max(resources["bram"], block_rams)
    parts = estimate_power(device=board.device, clock_hz=clock_hz, shares=shares,
                           resources=resources, toggle_rate=power.toggle_rate)
    source = power.source
    if resources != power.resources:
        source += ", cells beyond the preset's added"
    if target.memory:
        source += "; the memory's share is that of the board's SDRAM"
    return parts["total"], source


def estimate(model, name, target, progress=lambda count: None):
    """Return the :class:`Estimate` of a model on a :class:`Target`.

    model : a :class:`Model`, a :class:`Shape`, or the matrices of a layer, like
    :data:`BITNET_2B4T`; name : what to call it; progress : called with bytes of tape to be followed

    Raises ValueError with one sentence where no configuration can hold the model.
    """
    config, board, clock_hz, memory_size, memory_name = _machine(target)
    shape, streamed_bytes = None, 0
    if isinstance(model, tuple):
        layers, hidden = _BITNET_LAYERS, max(cols for _, cols in model)
        columns = dim = hidden
        weights = layers * sum(rows * cols for rows, cols in model)
        config, changes = _raised(config, _needed(config, dim, hidden, columns)
                                  | {"vector_words": _power_of_two(max(r for r, _ in model))})

        def code_of(n):
            return projections_code(model * n)

        code = code_of(layers)
        needed = tape_bytes(code, config.lanes)
    else:
        if isinstance(model, Shape):
            shape = model
        else:
            shape = Shape(layers=model.n_layers, dim=model.dim, hidden=model.hidden_dim,
                          vocab=model.vocab_size)
        sizes = _needed(config, shape.dim, shape.hidden, max(shape.dim, shape.hidden))
        sizes["state_words"] = _power_of_two(config.aligned(shape.dim))
        if _placed(config, shape):
            # Where vectors are worked on in parts, less is enough.
            del sizes["vector_words"]
        config, changes = _raised(config, sizes)
        states = _placed(config, shape)
        if states.streamed:
            streamed_bytes = 4 * states.layers * states.dim
        sizes = vars(shape)
        whole = model if isinstance(model, Model) else shape_model(**sizes)
        weights = whole.ternary_weights

        def code_of(n):
            outlined = whole if n == shape.layers else shape_model(**sizes | {"layers": n})
            return outline(outlined, config, states)[0]

        code, needed = code_of(shape.layers), outline(whole, config)[1]
    if needed > config.memory_size:
        config = config.replace(memory_size=_power_of_two(needed))
    config = replace(config, clock_hz=clock_hz)
    cycles = _step_cycles(code_of, layers if shape is None else shape.layers, weights, config,
                          lambda: _timed(target, config, board), progress)
    steps, beats = _work(code, config)
    tape_beats = math.ceil(tape_bytes(code, config.lanes) / config.memory_bytes)
    shares = Shares(*(min(1.0, n / cycles) for n in (tape_beats, steps, beats)))
    rams = sum(count for memory, count in block_rams(config).items() if memory != "tape memory")
    if preset(target.preset).on_chip and not target.memory:
        rams += -(-needed // _BLOCK_RAM_BYTES)
    watts, source = _power(target, board, config, clock_hz, shares, rams)
    return Estimate(
        model=name, shape=shape, board=board.name, preset=target.preset, config=config,
        changes=changes, clock_hz=clock_hz, memory=memory_name, memory_needed=needed,
        memory_size=memory_size, block_rams=(rams, board.resources["bram"]), cycles=cycles,
        weights=weights, streamed_bytes=streamed_bytes, shares=shares, watts=watts,
        watts_source=source)
