"""The two ends of a line that tools/link_faults.py spoils: a driver and boards that are watched."""

from trine.firmware.protocol import Deframer
from trine.host.connection import Connection
from trine.host.links import LoopbackTransport
from trine.host.simulated import SimulatedTransport
from trine.sim.golden_board import GoldenBoard
from trine.sim.link_model import BoardModel

__all__ = ["Asked", "GatewareEnd", "GoldenEnd"]


class Asked(Connection):
    """A connection that keeps what was asked for in order, and how much of it was answered.

    ``asked`` is a list of [commands, number answered], one for each greeting.
    """

    def __init__(self, transport):
        super().__init__(transport)
        self.asked = []

    def hello(self):
        """Greet the board."""
        self.asked.append([[], 0])
        return super().hello()

    def _run(self, requests, window, acknowledged=lambda: None):
        now = self.asked[-1]

        def kept():
            for request in requests:
                now[0].append(request)
                yield request

        def counted():
            now[1] += 1
            acknowledged()

        return super()._run(kept(), window, counted)

    def explains(self, executed):
        """Return whether these commands are what was asked for, in order, each once.

        What was not answered when a command was given up may have been executed, or not.
        """
        ends = {0}
        for commands, answered in self.asked:
            ends = {start + count for start in ends for count in range(answered, len(commands) + 1)
                    if executed[start:start + count] == commands[:count]}
        return len(executed) in ends


class GoldenEnd:
    """The golden board, as one end of the line."""

    name = "golden board"
    #: Bytes of an upload at most, and seconds after which an answer counts as late.
    most, patience = 48 << 10, 0

    def __init__(self, config):
        self.device = GoldenBoard(config)
        self.line = LoopbackTransport(self.device.receive)
        self.memory, self.executed = self.device.memory, self.device.executed

    def drain(self):
        """Throw away what the board has sent."""
        self.line.read(0)


class GatewareEnd:
    """The simulated board, as one end of the line, and a model that hears every byte it hears.

    The model knows which commands are executed; each answer must have its number and status.
    """

    name = "simulated board"
    most, patience = 8 << 10, 1e-4
    keeps_memory, simulated, now = True, True, None

    def __init__(self, config):
        self.board = SimulatedTransport(config)
        self.line, self.pause = self, self.board.pause
        self.memory = bytearray(config.memory_size)
        self._model = BoardModel(memory=self.memory, burst_bytes=config.burst_bytes)
        self.executed = self._model.executed
        self._sent, self._expected = Deframer(), Deframer()
        self._answers, self._expected_answers = [], []

    def write(self, data):
        """Send ``data`` to board and model."""
        self.board.write(data)
        self._expected_answers += self._expected.feed(self._model.receive(data))

    def read(self, timeout):
        """Return what the board has sent."""
        received = self.board.read(timeout)
        self._answers += self._sent.feed(received)
        return received

    def close(self):
        """Do nothing: the board goes on from one session to the next."""

    def drain(self):
        """Throw away what the board has sent; compare all that it sent with the model."""
        while self.read(0.001):
            pass
        found, expected = ([(frame.seq, frame.code, len(frame.payload)) for frame in frames]
                           for frames in (self._answers, self._expected_answers))
        assert found == expected, "the board answers other than its model"
        self._answers.clear()
        self._expected_answers.clear()
