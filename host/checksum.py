"""CRC-32 of a whole from the CRC-32s of its parts."""

__all__ = ["crc32_combine"]

#: zlib's polynomial; bit 31 stands for x^0.
_POLYNOMIAL = 0xedb88320


def _multiply(a, b):
    """Return ``a * b`` modulo the polynomial."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def crc32_combine(first, second, length):
    """Return ``zlib.crc32(a + b)`` from ``crc32(a)``, ``crc32(b)`` and ``len(b)``.

    Source: Mark Adler's ``crc32_combine`` in zlib: ``first`` moves up by x^(8 * length).
    """
    power = 1 << 31 - 8
    while length:
        if length & 1:
            first = _multiply(first, power)
        power = _multiply(power, power)
        length >>= 1
    return first ^ second
