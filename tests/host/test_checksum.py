"""Checksums of parts make the checksum of the whole."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from trine.host.checksum import crc32_combine


@given(st.binary(), st.binary())
def test_combines_like_zlib(a, b):
    assert crc32_combine(zlib.crc32(a), zlib.crc32(b), len(b)) == zlib.crc32(a + b)


def test_long_parts():
    a, b = bytes(range(256)) * 300, b"trine" * 50_000

    assert crc32_combine(zlib.crc32(a), zlib.crc32(b), len(b)) == zlib.crc32(a + b)
