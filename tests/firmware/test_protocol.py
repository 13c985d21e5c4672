"""Frames come back as they went, damaged ones never; the page about the link is current."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.firmware import registers
from trine.firmware.protocol import (
    BODY_MAX,
    EXCHANGES,
    MAGIC,
    PAYLOAD_MAX,
    Command,
    Deframer,
    Field,
    Frame,
    FrameError,
    Status,
    cobs_decode,
    cobs_encode,
    decode,
    encode,
    pack,
    unpack,
)
from trine.firmware.protocol_doc import document

ROOT = Path(__file__).resolve().parents[2]

#: Bytes with many zeros and with long runs without any.
BODIES = st.one_of(
    st.binary(max_size=600),
    st.lists(st.sampled_from([b"\0", b"\1", b"\xff", b"\x07" * 253, b"\x07" * 254, b"\x07" * 255]),
             max_size=8).map(b"".join))
FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 255),
                   st.binary(max_size=300) | st.binary(min_size=PAYLOAD_MAX, max_size=PAYLOAD_MAX))


@given(BODIES)
def test_cobs_round_trip(body):
    encoded = cobs_encode(body)

    assert 0 not in encoded
    assert len(encoded) <= len(body) + max(1, -(-len(body) // 254))
    assert cobs_decode(encoded) == body


@pytest.mark.parametrize("body, encoded", [
    # The examples of Wikipedia's article, "Consistent Overhead Byte Stuffing".
    ("", "01"),
    ("00", "01 01"),
    ("00 00", "01 01 01"),
    ("00 11 00", "01 02 11 01"),
    ("11 22 00 33", "03 11 22 02 33"),
    ("11 22 33 44", "05 11 22 33 44"),
    ("11 00 00 00", "02 11 01 01 01"),
    (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex()),
    (bytes(range(255)).hex(), "01 ff" + bytes(range(1, 255)).hex()),
    (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02 ff"),
    (bytes([*range(2, 256), 0]).hex(), "ff" + bytes(range(2, 256)).hex() + "01 01"),
    (bytes([*range(3, 256), 0, 1]).hex(), "fe" + bytes(range(3, 256)).hex() + "02 01"),
])
def test_cobs_examples(body, encoded):
    assert cobs_encode(bytes.fromhex(body)).hex() == encoded.replace(" ", "")
    assert cobs_decode(bytes.fromhex(encoded)) == bytes.fromhex(body)


@pytest.mark.parametrize("encoded, reason", [
    (b"\x03\x01", "ends inside a COBS block"),
    (b"\x02", "ends inside a COBS block"),
    (b"\x02\x00", "A delimiter lies inside"),
    (b"\x01\x00\x01", "A delimiter lies inside"),
])
def test_cobs_rejects(encoded, reason):
    with pytest.raises(FrameError, match=reason):
        cobs_decode(encoded)


@given(FRAMES)
def test_frame_round_trip(frame):
    encoded = encode(frame.seq, frame.code, frame.payload)

    assert encoded.index(0) == len(encoded) - 1
    assert decode(encoded[:-1]) == frame


@given(FRAMES, st.data())
def test_a_flipped_bit_never_passes(frame, data):
    encoded = bytearray(encode(frame.seq, frame.code, frame.payload))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    deframer = Deframer()

    # Where the delimiter was hit, the frame after it is lost as well.
    frames = deframer.feed(bytes(encoded) + encode(1, 2) + encode(3, 4))

    assert all(found in (Frame(1, 2), Frame(3, 4)) for found in frames)
    assert frames[-1] == Frame(3, 4)
    assert deframer.dropped >= 1


@given(FRAMES, st.data())
def test_a_lost_byte_never_passes(frame, data):
    encoded = encode(frame.seq, frame.code, frame.payload)
    at = data.draw(st.integers(0, len(encoded) - 2))

    with pytest.raises(FrameError):
        decode(encoded[:at] + encoded[at + 1:-1])


@given(st.lists(FRAMES, max_size=4), st.data())
def test_deframer_takes_any_pieces(frames, data):
    stream = b"\0" + b"".join(encode(f.seq, f.code, f.payload) for f in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    deframer = Deframer()

    found = [frame for begin, end in zip([0, *cuts], [*cuts, len(stream)])
             for frame in deframer.feed(stream[begin:end])]

    assert found == frames
    assert deframer.dropped == 0


def test_deframer_forgets_noise_without_end():
    deframer = Deframer()
    for _ in range(100):
        assert deframer.feed(b"\x55" * 999) == []

    assert len(deframer._rest) < 2 * BODY_MAX
    assert deframer.feed(b"\0" + encode(1, 2)) == [Frame(1, 2)]
    assert deframer.dropped == 1


def test_deframer_drops_what_is_too_long_or_too_short():
    def raw(body):
        return cobs_encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"

    deframer = Deframer()

    assert deframer.feed(raw(b"\x01")) == []
    assert deframer.feed(raw(bytes(BODY_MAX - 4 + 1))) == []
    assert deframer.dropped == 2
    assert deframer.feed(raw(bytes(BODY_MAX - 4))) == [Frame(0, 0, bytes(PAYLOAD_MAX))]
    assert deframer.feed(raw(b"\x01\x02")) == [Frame(1, 2)]


@given(st.lists(st.sampled_from([1, 2, 4]), max_size=4), st.binary(max_size=8), st.data())
def test_fields_round_trip(widths, data, draw):
    fields = [Field("field", width, "") for width in widths]
    values = [draw.draw(st.integers(0, 256 ** width - 1)) for width in widths]

    assert unpack(fields, pack(fields, *values) + data) == (values, data)


def test_fields_do_not_overflow():
    with pytest.raises(OverflowError):
        pack([Field("count", 2, "")], 65536)


def test_every_command_and_status_is_described():
    assert list(EXCHANGES) == list(Command)
    assert all(status.doc for status in Status)
    assert not {*Command} & {*Status}


def test_greeting_and_register_agree():
    assert MAGIC == registers.MAGIC


def test_page_is_current():
    assert (ROOT / "docs" / "link.md").read_text() == document()
