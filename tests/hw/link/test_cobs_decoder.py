"""The COBS decoder against its golden function."""

from random import Random

import pytest
from amaranth.back import rtlil

from bench import latency, run
from trine.firmware.protocol import FrameError, cobs_decode, cobs_encode
from trine.hw.link.cobs_decoder import CobsDecoder


def tokens(stream):
    """Decode with the golden function; where a block is cut, as far as it goes."""
    found = []
    for piece in stream.split(b"\0")[:-1]:
        if not piece:
            continue
        cut = 0
        try:
            body = cobs_decode(piece)
        except FrameError:
            cut = 1
            # What is missing shows at the end only.
            whole = piece
            while True:
                whole += b"\1"
                try:
                    body = cobs_decode(whole)[:-(len(whole) - len(piece))]
                    break
                except FrameError:
                    pass
        found += [{"data": byte, "end": 0, "cut": 0} for byte in body]
        found.append({"data": 0, "end": 1, "cut": cut})
    return found


def streams(rng):
    yield b"".join(cobs_encode(bytes(rng.choices([0, 1, 255], k=rng.randrange(1, 20)))) + b"\0"
                   for _ in range(30))
    yield b"".join(cobs_encode(rng.randbytes(n).replace(b"\0", b"\1") + tail) + b"\0"
                   for n in (253, 254, 255) for tail in (b"", b"\0"))
    yield bytes(rng.choices([0, 1, 2, 3, 4, 255], k=600)) + b"\0"


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("case", range(3))
def test_matches_golden(case, stall):
    stream = list(streams(Random(case)))[case]
    expected = tokens(stream)

    outputs = run(CobsDecoder(), list(stream), len(expected), stall=stall, seed=case)

    assert outputs == expected


def test_latency_and_throughput():
    assert latency(CobsDecoder(), [3, 7]) == CobsDecoder.latency
    assert latency(CobsDecoder(), [2, 7, 0], i="i", o="o") <= CobsDecoder.latency


def test_converts():
    rtlil.convert(CobsDecoder())
