"""The frame sender against zlib."""

import zlib
from random import Random

import pytest
from amaranth.back import rtlil

from bench import latency, run
from trine.hw.link.frame_sender import FrameSender


def frame(body):
    return [{"data": byte, "last": n == len(body) - 1} for n, byte in enumerate(body)]


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_matches_golden(stall):
    rng = Random(4)
    bodies = [rng.randbytes(n) for n in (1, 1, 2, 3, 40, 6, 300)]
    expected = [token for body in bodies
                for token in frame(body + zlib.crc32(body).to_bytes(4, "little"))]

    outputs = run(FrameSender(), [token for body in bodies for token in frame(body)],
                  len(expected), stall=stall)

    assert outputs == expected


def test_latency():
    assert latency(FrameSender(), frame(b"a")) == FrameSender.latency


def test_converts():
    rtlil.convert(FrameSender())
