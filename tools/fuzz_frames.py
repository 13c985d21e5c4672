"""Frames from strangers: a device that answers with noise, and with frames of wrong content.

tools/fuzz.py runs it for long. Whatever the device says, the driver returns or raises DeviceError
with one sentence.
"""

from collections import Counter
from random import Random

from trine.firmware.config import preset
from trine.firmware.protocol import Deframer, Status, encode
from trine.host.board import Board
from trine.host.connection import Connection
from trine.host.links import DeviceError, LoopbackTransport
from trine.sim.golden_board import GoldenBoard

__all__ = ["HostileFuzz"]


def _impatient(line):
    return Connection(line, timeout=0.01)


class HostileFuzz:
    """A golden board, some of whose answers are replaced by others."""

    def __init__(self, model, seed):
        self.model, self.rng, self.outcomes = model, Random(seed), Counter()

    def _answer(self, device, rate):
        rng, seen = self.rng, Deframer()

        def receive(data):
            said = device.receive(data)
            if rng.random() > rate:
                return said
            frames = seen.feed(said)
            seq = frames[-1].seq if frames else rng.randrange(256)
            payload = bytearray(frames[-1].payload if frames else rng.randbytes(4))
            match rng.randrange(5):
                case 0:
                    return rng.randbytes(rng.randrange(3000))
                case 1:
                    return encode(seq, rng.choice([*Status, rng.randrange(256)]), bytes(payload))
                case 2:
                    return encode(seq, Status.OK, rng.randbytes(rng.randrange(1028)))
                case 3:
                    for _ in range(min(len(payload), rng.randrange(1, 5))):
                        payload[rng.randrange(len(payload))] = rng.choice([0, 1, 255,
                                                                           rng.randrange(256)])
                    return encode(seq, Status.OK, bytes(payload))
            return encode(rng.randrange(256), Status.OK, rng.randbytes(rng.randrange(20)))
        return receive

    def case(self):
        """Open such a board, upload and generate; return what came of it."""
        device = GoldenBoard(preset("tiny"))
        line = LoopbackTransport(self._answer(device, self.rng.choice([0.01, 0.05, 0.3])))
        try:
            with Board(line, "assumed", _impatient) as board:
                image = self.model.image(board.config)
                board.upload(image)
                board.run("load")
                board.candidates()
                board.state()
                board.counters()
        except DeviceError as error:
            said = str(error)
            assert said and "\n" not in said and len(said) < 400, said
            return "refused"
        return "taken"

    def go(self, cases, progress=lambda count: None):
        """Meet so many boards; return the outcomes."""
        for _ in range(cases):
            self.outcomes[self.case()] += 1
            progress(1)
        return self.outcomes
