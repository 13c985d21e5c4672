"""Broken tapes on the simulated board: each must end in a state that the host reads and explains.

tools/fuzz.py runs it for long. A tape is broken by flipped bits, by random bytes, by an opcode that
is not defined, by a length of zero or by its end. Behind each the board is reset, the bytes of the
tape that were changed are written back, and a text must be golden's, every logit.
"""

from collections import Counter
from random import Random

from trine.firmware.compiler import Tape
from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.registers import RunFlags, State
from trine.host.board import Board, BoardError
from trine.host.commands.selftest import compare
from trine.host.simulated import SimulatedTransport
from trine.sim.golden.tape import TapeFault, instructions

__all__ = ["TapeFuzz"]

#: Seconds of the board's time that the tiny machine may stand still.
STANDSTILL = 1e-3


class TapeFuzz:
    """A simulated board of ``config`` that holds ``model``, and plays broken tapes."""

    def __init__(self, model, config, seed):
        self.model, self.rng, self.config = model, Random(seed), config
        self.board = Board(SimulatedTransport(config), "assumed")
        self.board.standstill = STANDSTILL
        self.image = model.image(config)
        self.board.upload(self.image)
        self.tape = self.image.tapes["token"]
        self.start = self.tape.base * config.memory_bytes
        self.whole = self.image.data[self.start:][:self.tape.beats * config.memory_bytes]
        #: First byte of every instruction, by the instruction.
        self.places, at = [], 0
        for instruction in instructions(self.whole, config.lanes):
            self.places.append((at, instruction))
            at += 4 * INSTRUCTIONS[instruction.opcode].words + len(instruction.payload)
        self.outcomes = Counter()

    def close(self):
        """End the simulation."""
        self.board.close()

    def broken(self, kind):
        """Return a tape that is broken in one way: bytes of whole bursts."""
        rng, tape = self.rng, bytearray(self.whole)
        at, instruction = rng.choice(self.places)
        form = INSTRUCTIONS[instruction.opcode]
        match kind:
            case "flips":
                for _ in range(rng.choice([1, 1, 1, 4, 20])):
                    tape[rng.randrange(len(tape))] ^= 1 << rng.randrange(8)
            case "words":
                # Where instructions are, and not weights.
                tape[at + rng.randrange(4 * form.words)] ^= 1 << rng.randrange(8)
            case "noise":
                count = rng.randrange(1, 64)
                place = rng.randrange(len(tape) - count)
                tape[place:place + count] = rng.randbytes(count)
            case "opcode":
                tape[at] = tape[at] & 0xC0 | rng.choice(
                    [code for code in range(64) if code not in INSTRUCTIONS])
            case "zero":
                at, instruction = rng.choice([(at, each) for at, each in self.places
                                              if "length" in each.fields])
                place = at + INSTRUCTIONS[instruction.opcode].offset("length") // 8
                tape[place:place + 2] = bytes(2)
            case "end":
                burst = self.config.burst_bytes
                del tape[rng.randrange(1, len(tape) // burst) * burst:]
        return bytes(tape)

    def expected(self, tape):
        """Return the sentence that golden has for a tape's fault; None where it has none."""
        try:
            found = [each.opcode for each in instructions(tape, self.config.lanes)]
        except TapeFault as fault:
            return str(fault)
        # A STORE to anywhere may write over the tape.
        return "" if Opcode.STORE in found else None

    def play(self, tape):
        """Play a broken tape twice; return what the host says of it, None where it ends."""
        board = self.board
        board.connection.memory_write(self.start, tape)
        board.queue([1, 2])
        self.image.tapes["broken"] = Tape(self.tape.base, len(tape) // self.config.memory_bytes,
                                          len(tape))
        try:
            board.start("broken", count=2, reset=1, flags=RunFlags.TOKENS)
            board.wait(State.IDLE)
        except BoardError as error:
            return str(error)
        return None

    def case(self, kind):
        """Play a tape broken in one way, and see that the board is whole again behind it."""
        tape = self.broken(kind)
        expected, said = self.expected(tape), self.play(tape)
        still = said is not None and "stands still at byte" in said
        assert still or said == expected or expected == "", (said, expected)
        self.outcomes["stands still" if still else "plays to its end" if said is None else
                      "undefined opcode" if "undefined" in said else "tape ended"] += 1
        # Only what was changed on purpose is written again, but for a wild STORE.
        self.board.connection.memory_write(self.start, self.whole)
        if expected == "":
            self.board.upload(self.image)
        self.board.run("load")
        result = compare(self.board, self.model, [0], 2, temperature=0, seed=1)
        assert result["mismatches"] == 0, "the board is not whole again"

    def go(self, cases, progress=lambda count: None):
        """Play so many tapes; return the outcomes."""
        kinds = ("flips", "words", "noise", "opcode", "zero", "end")
        for n in range(cases):
            self.case(kinds[n % len(kinds)])
            progress(1)
        return self.outcomes
