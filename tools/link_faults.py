"""Drive boards over a line on which everything goes wrong, and write a record of what came of it.

    python tools/link_faults.py [--golden 8500] [--gateware 1500] [--seed 1]

Uploads, texts and registers of the tiny model over a line that spoils frames, stands still, breaks
in the middle of an upload, and whose host dies in the middle of a run (sim/faulty_line.py). The
golden board takes the numbers of faults given, and so does the simulated board, the gateware. A
wrong token, a command that is executed twice or not at all, an upload that is lost, or silence that
the driver bears for longer than its time-outs say ends the script. Some minutes.
"""

import argparse
import faulthandler
import sys
import time
import zlib
from collections import Counter
from itertools import cycle
from random import Random

from link_ends import Asked, GatewareEnd, GoldenEnd
from record import write_record
from tqdm import tqdm

from trine.firmware.config import preset
from trine.firmware.protocol import Command
from trine.firmware.registers import RunFlags, State, address
from trine.host.board import Board
from trine.host.generate import Generation
from trine.host.links import LoopbackTransport
from trine.host.model import Model
from trine.host.sampling import Sampling
from trine.sim.faulty_line import FaultyLine
from trine.sim.golden_board import GoldenBoard

#: Share of the frames that are spoilt, session by session.
RATES = (0.02, 0.1, 0.2)
#: Seconds after which a session hangs. Each takes a fraction of it.
HANG = 600
#: Tokens of a text.
TOKENS = 12


class Campaign:
    """Sessions over a faulty line to one board.

    end : :class:`GoldenEnd` or :class:`GatewareEnd`; model : :class:`trine.host.model.Model`
    """

    def __init__(self, end, model, config, seed):
        self.end, self.model, self.rng = end, model, Random(seed)
        self.image = model.image(config)
        self.faults, self.tally = Counter(), Counter()
        self.longest_silence, self.longest_session = 0, 0.0
        self.episodes = cycle([self.upload, self.text, self.run, self.registers, self.repair])
        with Board(LoopbackTransport(GoldenBoard(config).receive)) as board:
            board.upload(self.image)
            self.texts = {seed: self._text(board, seed) for seed in range(4)}
            self.runs = {seed: self._run(board, seed) for seed in range(4)}
        # Memory holds something everywhere, so that any piece of it has a checksum.
        with Board(end.line) as board:
            board.connection.memory_write(0, self.rng.randbytes(config.memory_size))
            end.drain()
        end.executed.clear()

    # What is done over the line. Each compares what came of it.

    def _text(self, board, seed):
        """Return the tokens of a text that the host samples."""
        return list(Generation(board, self.model, [0, 1 + seed, 5], TOKENS, Sampling(seed=seed)))

    def _run(self, board, seed):
        """Return (token, crc of its logits) of a text that the board samples."""
        board.sample_on_board(0.8, seed)
        first = board.read("TOKEN_COUNT", 0)
        board.queue([0, 2 + seed, 7])
        board.start("token", count=TOKENS, reset=1, feedback=1, flags=RunFlags.TOKENS)
        board.wait(State.IDLE)
        assert board.read("TOKEN_COUNT", 0) == (first + TOKENS) % (1 << 32), "tokens too many"
        return board.sampled(first, TOKENS)

    def text(self, board):
        """Generate a text."""
        seed = self.rng.randrange(4)
        assert self._text(board, seed) == self.texts[seed], "a wrong token"
        self.tally["tokens"] += TOKENS

    def run(self, board):
        """Let the board generate a text."""
        seed = self.rng.randrange(4)
        assert self._run(board, seed) == self.runs[seed], "a wrong token or logit"
        self.tally["tokens"] += TOKENS

    def upload(self, board):
        """Write a piece of memory behind the image."""
        rng, burst = self.rng, board.config.burst_bytes
        first, end = -(-self.image.size // burst), board.config.memory_size // burst
        at = rng.randrange(first, end)
        count = min(end - at, rng.randrange(1, self.end.most // burst))
        data = rng.randbytes(count * burst)
        board.connection.memory_write(at * burst, data, resume=rng.random() < 0.5)
        self._check_memory(at * burst, data)
        assert board.connection.memory_crc(at * burst, len(data)) == zlib.crc32(data)

    def repair(self, board):
        """Damage the image, and upload it again."""
        burst = board.config.burst_bytes
        at = self.rng.randrange(len(self.image.data) // burst) * burst
        board.connection.memory_write(at, self.rng.randbytes(burst))
        board.upload(self.image)
        self._check_memory(0, self.image.data)

    def _check_memory(self, at, data):
        assert self.end.memory[at:at + len(data)] == data, "a lost upload"
        self.tally["uploaded"] += len(data)

    def registers(self, board):
        """Write registers and read them back."""
        words = [self.rng.randrange(1 << 32) for _ in range(board.config.slots)]
        board.connection.write(address("SEED", 0), words)
        assert board.connection.read(address("SEED", 0), len(words)) == words

    # Sessions.

    def session(self):
        """Open the board, work with it, and end in one of three ways."""
        rng, started = self.rng, time.perf_counter()
        line = FaultyLine(self.end.line, rng, rate=rng.choice(RATES),
                          patience=self.end.patience)
        ending = rng.choice(["", "", "disconnect", "death"])
        if ending:
            line.end_after(int(2 ** rng.uniform(3, 9)), ending)
        connections, doing = [], "opening"

        def connect(transport):
            connections.append(Asked(transport))
            return connections[0]

        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            with Board(line, "assumed", connect) as board:
                board.upload(self.image)
                for _ in range(5):
                    episode = next(self.episodes)
                    doing = episode.__name__
                    episode(board)
                doing = "closing"
        except ConnectionError as error:
            if line.faults_done[ending]:
                self.tally[ending, doing] += 1
            else:
                print(f"given up: {error}", file=sys.stderr)
                self.tally["given up"] += 1
        faulthandler.cancel_dump_traceback_later()
        line.flush_all()
        # A frame that lacks nothing but its delimiter is whole with the next one.
        self.end.line.write(b"\0")
        self.end.drain()
        self._settle(*connections)
        self.faults += line.faults_done
        self.longest_silence = max(self.longest_silence, line.longest_silence)
        assert line.longest_silence <= 2 * (connections[0].retries + 2), "a hang"
        self.longest_session = max(self.longest_session, time.perf_counter() - started)
        self.tally["sessions"] += 1
        self.tally["resent"] += connections[0].resent

    def _settle(self, connection):
        """Compare what the board executed with what was asked for."""
        executed = [each for each in self.end.executed if each[0] != Command.HELLO]
        self.end.executed.clear()
        assert connection.explains(executed), "a command lost, executed twice or out of order"
        self.tally["commands"] += len(executed)

    def go(self, faults):
        """Hold sessions until so many faults were put in."""
        with tqdm(total=faults, unit="fault", desc=self.end.name, file=sys.stderr) as bar:
            while (done := self.faults.total()) < faults:
                self.session()
                bar.update(self.faults.total() - done)
        return self


COLUMNS = ("board", "faults", "sessions", "broken lines (in an upload)",
           "deaths of the host (in a run)", "commands, each executed once", "frames sent again",
           "tokens, none wrong", "MB uploaded, none lost", "given up", "time-outs in a row")


def row(campaign):
    """Return a campaign's line of the table."""
    tally, faults = campaign.tally, campaign.faults
    cut = sum(tally["disconnect", doing] for doing in ("opening", "upload", "repair"))
    dead = sum(tally["death", doing] for doing in ("text", "run"))
    return (campaign.end.name, faults.total(), tally["sessions"],
            f"{faults['disconnect']} ({cut})", f"{faults['death']} ({dead})", tally["commands"],
            tally["resent"], tally["tokens"], f"{tally['uploaded'] / 1e6:.1f}", tally["given up"],
            campaign.longest_silence)


def main():
    """Hold the campaigns, print the table's lines and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=int, default=8500, metavar="N", help="faults")
    parser.add_argument("--gateware", type=int, default=1500, metavar="N", help="faults")
    parser.add_argument("--seed", type=int, default=1, metavar="SEED")
    parser.add_argument("--model", default="tests/data/tiny.safetensors", metavar="FILE")
    args = parser.parse_args()
    config, model = preset("tiny"), Model.load(args.model)
    campaigns = [Campaign(end(config), model, config, args.seed).go(faults)
                 for end, faults in ((GoldenEnd, args.golden), (GatewareEnd, args.gateware))]
    for campaign in campaigns:
        print(dict(zip(COLUMNS, row(campaign))), dict(campaign.faults),
              f"longest session {campaign.longest_session:.1f} s")
    faults = sum((campaign.faults for campaign in campaigns), Counter())
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in faults.most_common())
    write_record(
        "link_faults", f"python tools/link_faults.py --golden {args.golden} --gateware "
        f"{args.gateware} --seed {args.seed}", order=75, title="The link under fire",
        faults=dict(faults), text=[
            f"{faults.total():,} faults between driver and board ({kinds}), uploads, texts and "
            "registers of the tiny model meanwhile. A session ends well, by a line that breaks, or "
            "by the death of the host, and the next one goes on from there. Where a command makes "
            "no progress for 7 time-outs in a row it is given up with a sentence, which the "
            "greeting behind it may double."],
        columns=COLUMNS, rows=[row(campaign) for campaign in campaigns])


if __name__ == "__main__":
    main()
