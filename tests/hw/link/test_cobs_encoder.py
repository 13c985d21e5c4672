"""The COBS encoder against its golden function."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import latency, run, transfers
from trine.firmware.protocol import cobs_encode
from trine.hw.link.cobs_encoder import CobsEncoder


def frame(body):
    return [{"data": byte, "last": n == len(body) - 1} for n, byte in enumerate(body)]


def nonzero(rng, length):
    return bytes(rng.randrange(1, 256) for _ in range(length))


CASES = {
    "zeros": lambda rng: [bytes(rng.choices([0, 0, 7], k=rng.randrange(1, 12))) for _ in range(60)],
    "full": lambda rng: [nonzero(rng, n) + tail for n in (253, 254, 255)
                         for tail in (b"", b"\0", b"\0\1")],
    "long": lambda rng: [nonzero(rng, 1034), rng.randbytes(1034), bytes(700)],
}


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_matches_golden(case, stall):
    bodies = CASES[case](Random(1))
    expected = b"".join(cobs_encode(body) + b"\0" for body in bodies)

    outputs = run(CobsEncoder(), [token for body in bodies for token in frame(body)],
                  len(expected), stall=stall, seed=3)

    assert bytes(outputs) == expected


def test_a_slow_link_stalls_the_frame():
    """The ring fills up, and nothing is lost."""
    rng = Random(2)
    bodies = [nonzero(rng, 600), bytes(40), nonzero(rng, 300)]
    expected = b"".join(cobs_encode(body) + b"\0" for body in bodies)

    outputs = run(CobsEncoder(), [token for body in bodies for token in frame(body)],
                  len(expected), stall={"o": 0.8})

    assert bytes(outputs) == expected


def test_a_byte_a_clock():
    body = bytes(400) + nonzero(Random(0), 500)

    moved = transfers(CobsEncoder(), {"i": frame(body)}, {"o": len(cobs_encode(body)) + 1}, stall=0)

    cycles = [cycle for cycle, _ in moved["i"]]
    assert cycles[-1] - cycles[0] == len(body) - 1 + 1  # one full block


def test_latency():
    assert latency(CobsEncoder(), frame(b"\0")[:1] + frame(b"\0\0")[:1]) <= CobsEncoder.latency
    moved = transfers(CobsEncoder(), {"i": [{"data": 0, "last": 0}]}, {"o": 1}, stall=0)
    assert moved["o"][0][0] - moved["i"][0][0] == CobsEncoder.latency


def test_converts():
    rtlil.convert(CobsEncoder())
