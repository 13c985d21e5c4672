"""Sequencer on a gearbox, with stand-ins for the units."""

from random import Random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, connect, flipped

from bench import simulate
from trine.firmware.assembler import assemble
from trine.firmware.config import preset
from trine.firmware.isa import INSTRUCTIONS, Instruction, Opcode, Statistic, Target
from trine.firmware.packing import matrix_bytes
from trine.firmware.registers import Error
from trine.hw.gearbox import Gearbox
from trine.hw.sequencer import Sequencer

CONFIG = preset("tiny")
LANES, STEP = CONFIG.lanes, CONFIG.step_bytes


class Played(wiring.Component):
    """The sequencer behind a gearbox, whose words come on ``i``."""

    i: In(stream.Signature(8 * CONFIG.word_bytes))

    def __init__(self):
        self.sequencer = Sequencer(config=CONFIG)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = self.sequencer
        m.submodules.gearbox = gearbox = Gearbox(word_bytes=CONFIG.word_bytes,
                                                 out_bytes=sequencer.out_bytes)
        connect(m, flipped(self.i), gearbox.i)
        m.d.comb += [sequencer.available.eq(gearbox.available),
                     sequencer.data.eq(gearbox.o_data), gearbox.take.eq(sequencer.take)]
        return m


class Units:
    """Stand-ins: each is busy for a random time, and the array and FILL take their payloads.

    ``log`` holds (name of the unit, opcode-like field, payload) in the order of issue.
    """

    def __init__(self, dut, seed, stall):
        self.dut = dut.sequencer
        self.rng = Random(seed)
        self.stall = stall
        self.log = []
        self.busy = {"array": 0, "vector": 0, "mover": 0}
        self.statistic = False
        self.operand = 0

    def idle_at(self):
        return not any(self.busy.values())

    async def run(self, ctx):
        dut, rng = self.dut, self.rng
        to_take = to_fill = 0
        tile = None
        late = None
        while True:
            # What the units show in this clock.
            for name, busy in self.busy.items():
                ctx.set(getattr(dut, name).ready, not busy)
                ctx.set(getattr(dut, f"{name}_busy"), bool(busy))
            scalar_ready = rng.random() >= self.stall
            ctx.set(dut.scalar.ready, scalar_ready)
            take, starved = 0, False
            if to_take and rng.random() >= self.stall:
                starved = ctx.get(dut.available) < tile[0]
                take = 0 if starved else tile[0]
            ctx.set(dut.array_take, take)
            ctx.set(dut.array_starved, starved)
            fill_ready = bool(to_fill) and rng.random() >= self.stall
            ctx.set(dut.fill.ready, fill_ready)

            sample = (await ctx.tick().sample(
                dut.array.valid, dut.array.payload, dut.vector.valid, dut.vector.payload,
                dut.scalar.valid, dut.scalar.payload, dut.mover.valid, dut.fill.valid,
                dut.fill.payload, dut.data))[2:]
            array, array_p, vector, vector_p, scalar, scalar_p, mover, fill, fill_p, shown = sample
            if late:
                payload, count = late
                payload.extend(shown.to_bytes(8, "little")[:count])
                late = None
            if take:
                late = self.log[-1][2], take
                tile[1] -= 1
                if not tile[1]:
                    to_take -= 1
                    self.tiles.pop(0)
                    tile = list(self.tiles[0]) if self.tiles else None
                    if not self.tiles:
                        self.busy["array"] = 1 + rng.randrange(5)
            elif not to_take and self.busy["array"]:
                self.busy["array"] -= 1
            if fill and fill_ready:
                self.log[-1][2].extend(fill_p.to_bytes(2, "little"))
                to_fill -= 1
                if not to_fill:
                    self.busy["vector"] = 1 + rng.randrange(5)
            elif not to_fill and self.busy["vector"]:
                self.busy["vector"] -= 1
            if self.busy["mover"]:
                self.busy["mover"] -= 1

            issued = vector | array | mover
            if issued:
                assert not self.busy["array"] and not self.busy["vector"]
                assert vector, "every one of these goes to the vector engine, too"
                self.busy["vector"] = 1 + rng.randrange(12)
                kind = "array" if array else "mover" if mover else "vector"
                self.statistic = vector_p["stat"] != 0
                payload = bytearray()
                if array:
                    rows, cols = array_p.rows, array_p.cols
                    tiles = [min(LANES, rows - at) for at in range(0, rows, LANES)]
                    self.tiles = [(-(-n // 5), cols) for n in tiles]
                    tile, to_take = list(self.tiles[0]), len(self.tiles)
                    self.busy["array"] = 1 << 30
                if mover:
                    self.busy["mover"] = 1 + rng.randrange(12)
                if vector_p.target.value == 6:
                    to_fill = vector_p.length
                    self.busy["vector"] = 1 << 30
                    kind = "fill"
                operand = vector_p.operand if vector_p.op.value in (
                    Opcode.SCALE, Opcode.QUANTIZE) else 0
                self.operand = operand
                self.log.append((kind, (vector_p.dst, vector_p.length), payload))
            if scalar and scalar_ready:
                if not self.idle_at():
                    assert not self.statistic, "the statistic was not waited for"
                    assert not self.operand or self.operand != scalar_p.dst
                self.log.append(("scalar", (scalar_p.op.value, scalar_p.dst), bytearray()))


def random_tape(rng, count):
    """Return instructions and what the units should see of them."""
    instructions, expected = [], []
    for _ in range(count):
        opcode = rng.choice([*INSTRUCTIONS][1:])
        fields = {f.name: rng.randrange(1 << f.bits) for f in INSTRUCTIONS[opcode].fields
                  if f.name in ("dst", "a", "b", "operand")}
        payload = b""
        if opcode >= Opcode.SCALAR_SET:
            expected.append(("scalar", (opcode, fields["dst"]), payload))
            instructions.append(Instruction(opcode, fields))
            continue
        if opcode != Opcode.FILL:
            fields["stat"] = rng.choice([0, 0, 5])
            fields["statistic"] = rng.choice(list(Statistic))
        if opcode == Opcode.MATVEC:
            fields |= {"rows": rng.randrange(1, 25), "cols": rng.randrange(1, 12),
                       "target": Target.VECTOR}
            payload = rng.randbytes(matrix_bytes(fields["rows"], fields["cols"], LANES))
        else:
            fields["length"] = rng.randrange(1, 20)
            if opcode == Opcode.FILL:
                payload = rng.randbytes(2 * fields["length"])
        unit = {Opcode.MATVEC: "array", Opcode.FILL: "fill", Opcode.LOAD: "mover",
                Opcode.STORE: "mover"}.get(opcode, "vector")
        dst = 0 if opcode == Opcode.STORE else fields["dst"]
        expected.append((unit, (dst, fields.get("rows", fields.get("length"))), payload))
        instructions.append(Instruction(opcode, fields, payload))
    return instructions, expected


def padded(tape):
    return tape.ljust(-(-len(tape) // CONFIG.burst_bytes) * CONFIG.burst_bytes, b"\xff")


def play(tape, plays, *, sent=None, seed=0, stall=0.3):
    """Play a tape of bytes; ``sent`` is what really comes. Returns log, clocks and fault."""
    dut = Played()
    sequencer = dut.sequencer
    units = Units(dut, seed, stall)
    sent = tape * plays if sent is None else sent
    clocks = []
    result = {}

    async def source(ctx):
        rng = Random(seed + 1)
        for at in range(0, len(sent), CONFIG.word_bytes):
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(dut.i.payload, int.from_bytes(sent[at:at + CONFIG.word_bytes], "little"))
            ctx.set(dut.i.valid, 1)
            # After a fault nobody takes it, and the bench stops here.
            while not (await ctx.tick().sample(dut.i.ready))[2]:
                pass
            ctx.set(dut.i.valid, 0)

    async def player(ctx):
        for _ in range(plays):
            ctx.set(sequencer.play.payload, len(tape) // CONFIG.burst_bytes)
            ctx.set(sequencer.play.valid, 1)
            clock, ready, error = 0, 0, 0
            while not ready and not error:
                ready, error = (await ctx.tick().sample(
                    sequencer.play.ready, sequencer.fault.error))[2:]
                clock += 1
                assert clock < 20000, f"the play does not end: {units.log}"
            ctx.set(sequencer.play.valid, 0)
            clocks.append(clock)
            if error:
                await ctx.tick().repeat(20)
                fault = ctx.get(sequencer.fault)
                result["fault"] = (fault.error, fault.position, fault.word)
                return
            assert units.idle_at()

    simulate(dut, player, background=[units.run, source])
    return units.log, clocks, result.get("fault")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_issues_in_order_and_passes_payloads(seed, stall):
    instructions, expected = random_tape(Random(seed), 40)
    tape = padded(assemble([*instructions, Instruction(Opcode.END)], LANES))

    log, _, fault = play(tape, 2, seed=seed, stall=stall)

    assert log == expected * 2
    assert fault is None


@pytest.mark.parametrize("size", range(4, 36, 4))
def test_drops_the_padding(size):
    scalars = [Instruction(Opcode.SCALAR_RECIP, {"dst": n}) for n in range(1, size // 4)]
    tape = padded(assemble([*scalars, Instruction(Opcode.END)], LANES))

    log, _, fault = play(tape, 3)

    assert [entry[1][1] for entry in log] == [*range(1, size // 4)] * 3
    assert fault is None


@pytest.mark.parametrize("opcode", [5, 48, 63])
def test_an_undefined_opcode_is_a_fault(opcode):
    good = [Instruction(Opcode.SCALAR_RECIP, {"dst": 1}), Instruction(Opcode.FILL, {
        "length": 3}, b"abcdef")]
    start = assemble(good, LANES)
    word = opcode | 0x1234540
    tape = padded(start + word.to_bytes(4, "little"))

    log, _, fault = play(tape, 1)

    assert len(log) == 2
    assert fault == (Error.UNDEFINED_OPCODE, len(start), word)


@pytest.mark.parametrize("plays", [1, 2])
@pytest.mark.parametrize("last", [
    Instruction(Opcode.MATVEC, {"rows": 20, "cols": 100}, bytes(400)),
    Instruction(Opcode.FILL, {"length": 100}, bytes(200)),
    Instruction(Opcode.LOAD, {"length": 4}),
    None,
])
def test_a_tape_that_ends_early_is_a_fault(last, plays):
    first = Instruction(Opcode.SCALAR_RECIP, {"dst": 1})
    if last is None:
        # Whole bursts without END.
        tape = assemble([first] * 8, LANES)
        start = 32
    else:
        tape = assemble([first, first, last], LANES)[:16]
        start = 8

    # A second play follows at once: its bytes must not be taken for those that lack.
    log, _, fault = play(tape, 1, sent=tape * plays)

    assert fault[:2] == (Error.TAPE_ENDED, start)
    # What is not here in full is not issued; FILL lacks only its payload.
    lacks_payload = last is not None and last.opcode == Opcode.FILL
    assert [entry[0] for entry in log] == ["scalar"] * (start // 4) + ["fill"] * lacks_payload


@pytest.mark.parametrize("rows", [5, 20])
def test_weights_of_the_next_play_are_not_taken_for_those_that_lack(rows):
    matvec = Instruction(Opcode.MATVEC, {"rows": rows, "cols": 100},
                         bytes(matrix_bytes(rows, 100, LANES)))
    tape = assemble([matvec], LANES)[:48]

    _, _, fault = play(tape, 1, sent=tape * 20)

    assert fault[:2] == (Error.TAPE_ENDED, 0)


def test_a_word_is_read_each_clock():
    loads = [Instruction(Opcode.SCALAR_SET, {"dst": 1, "mantissa": 1 << 30})] * 8
    tape = padded(assemble([*loads, Instruction(Opcode.END)], LANES))

    _, (clocks,), _ = play(tape, 1, stall=0.0)

    # First word, decoding, second word and its arrival, handing over; the rest is the gearbox and
    # the end.
    assert clocks == 5 * 8 + 16


def test_converts():
    rtlil.convert(Sequencer(config=preset("ulx3s")), name="sequencer")
