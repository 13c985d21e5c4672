"""The link under fire, for a short while; tools/link_faults.py does it for long."""

import sys
from pathlib import Path

import pytest

from checkpoints import tiny_model
from trine.firmware import protocol
from trine.firmware.config import preset
from trine.firmware.protocol import Command
from trine.host.connection import Connection
from trine.sim.golden_board import GoldenBoard
from trine.sim.link_model import BoardModel

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def campaign(monkeypatch):
    """Return what makes a campaign against one of the ends."""
    monkeypatch.syspath_prepend(TOOLS)
    import link_faults
    yield lambda end, seed=0: link_faults.Campaign(
        getattr(link_faults, end)(preset("tiny")), tiny_model(), preset("tiny"), seed)
    for name in ("link_faults", "link_ends", "record"):
        del sys.modules[name]


@pytest.mark.parametrize(("end", "faults"), [("GoldenEnd", 800), ("GatewareEnd", 40)])
def test_nothing_is_lost_wrong_or_done_twice(campaign, end, faults):
    done = campaign(end).go(faults)

    assert done.faults.total() >= faults
    assert done.tally["tokens"] and done.tally["uploaded"] and done.tally["resent"]
    if end == "GoldenEnd":
        assert done.faults["death"] and done.faults["disconnect"]


def test_a_board_that_executes_twice_is_found(campaign, monkeypatch):
    answer = BoardModel._answer

    def twice(self, frame):
        if frame.seq == self._last and frame.code != Command.HELLO:
            self._last = (self._last - 1) % 256
        return answer(self, frame)

    monkeypatch.setattr(GoldenBoard, "_answer", twice)
    with pytest.raises(AssertionError, match=r"executed twice|a wrong token|tokens too many"):
        campaign("GoldenEnd").go(800)


def test_damage_that_nobody_checks_is_found(campaign, monkeypatch):
    def unchecked(encoded):
        body = protocol.cobs_decode(encoded)
        if len(body) < 6:
            raise protocol.FrameError("short")
        return protocol.Frame(body[0], body[1], body[2:-4])

    monkeypatch.setattr(protocol, "decode", unchecked)
    with pytest.raises(Exception, match=r"executed twice|wrong|lost|must|range|Board|board|0x"):
        campaign("GoldenEnd").go(800)


def test_a_command_left_out_is_found(campaign, monkeypatch):
    run = Connection._run

    def careless(self, requests, window, acknowledged=lambda: None):
        # The third frame of every upload counts as sent.
        kept = [request for n, request in enumerate(requests) if n != 2]
        return run(self, iter(kept), window, acknowledged)

    monkeypatch.setattr(Connection, "_run", careless)
    with pytest.raises(Exception, match=r"a lost upload|differs from the image"):
        campaign("GoldenEnd").go(800)
