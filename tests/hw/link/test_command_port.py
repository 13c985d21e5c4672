"""The command port against the board's model: equal bytes out, equal accesses, equal memory."""

import itertools
from random import Random

import pytest
from amaranth.back import rtlil

from bench import transfers
from link_bench import LoggingBoard, commands, memory_behind, registers_behind, request
from trine.firmware.protocol import KEEP_ADDRESS, Command, Status, cobs_decode, encode
from trine.hw.link.command_port import CommandPort

SIZE = 1024


def script(rng, golden, kinds, count):
    """Return frames with mostly correct sequence numbers, and the model's answers."""
    frames, answers = [], []
    for code, payload in itertools.islice(kinds, count):
        following = ((golden._last if golden._last is not None else rng.randrange(256)) + 1) % 256
        seq = rng.choice([following] * 8 + [following - 1, rng.randrange(256)]) % 256
        if rng.random() < 0.05:
            code, payload = Command.HELLO, b""
        frames.append(bytes((seq, code)) + payload)
        answer = golden.receive(encode(seq, code, payload))
        answers.append(cobs_decode(answer[:-1])[:-4])
    return frames, answers


def answers_of(moved):
    answers, body = [], b""
    for _, token in moved["o"]:
        body += bytes((token["data"],))
        if token["last"]:
            answers.append(body)
            body = b""
    assert body == b""
    return answers


def check(frames, answers, golden, board, *, beat_bytes, burst_beats, stall=0.0):
    dut = CommandPort(beat_bytes=beat_bytes, burst_beats=burst_beats, gateware_version=0x4321,
                      addr_width=(len(board.memory) // beat_bytes).bit_length() - 1)

    moved = transfers(
        dut, {"frame": map(len, frames), "bytes": b"".join(frames)},
        {"o": sum(map(len, answers))}, stall=stall, patience=6000,
        background=[
            registers_behind(dut.bus, board, stall=stall),
            memory_behind(dut.memory, board, beat_bytes=beat_bytes, burst_beats=burst_beats,
                          stall=stall)])

    assert answers_of(moved) == answers
    assert board.accesses == golden.accesses
    assert board.memory == golden.memory


@pytest.mark.parametrize("beat_bytes, burst_beats, stall, count", [
    (2, 8, 0.0, 60), (2, 8, 0.3, 40), (1, 4, 0.0, 24), (8, 4, 0.2, 24)])
def test_matches_model(beat_bytes, burst_beats, stall, count):
    options = {"memory_size": SIZE, "burst_bytes": beat_bytes * burst_beats,
               "gateware_version": 0x4321}
    golden, board = LoggingBoard(**options), LoggingBoard(**options)
    rng = Random(f"{beat_bytes} {stall}")
    kinds = itertools.chain([request(Command.READ, 1, 2), request(Command.HELLO)],
                            commands(rng, memory_size=SIZE, burst_bytes=beat_bytes * burst_beats))
    frames, answers = script(rng, golden, kinds, count)

    check(frames, answers, golden, board, beat_bytes=beat_bytes, burst_beats=burst_beats,
          stall=stall)
    assert len(golden.executed) > count / 3


def test_largest_commands():
    options = {"memory_size": 1 << 13, "burst_bytes": 1024, "gateware_version": 0x4321}
    golden, board = LoggingBoard(**options), LoggingBoard(**options)
    rng = Random(7)
    frames, answers = [], []
    for seq, (code, payload) in enumerate([
            request(Command.HELLO),
            request(Command.WRITE, 5, data=rng.randbytes(1024)),
            request(Command.READ, 5, 256),
            request(Command.MEM_WRITE, 4096, data=rng.randbytes(1024)),
            request(Command.MEM_READ, 4096, 1024),
            request(Command.MEM_CRC, 0, 4096)]):
        # Some twice: the second time, the answer comes from the buffer.
        for _ in range(1 + (code in (Command.READ, Command.MEM_CRC))):
            frames.append(bytes((seq, code)) + payload)
            answers.append(cobs_decode(golden.receive(encode(seq, code, payload))[:-1])[:-4])

    check(frames, answers, golden, board, beat_bytes=16, burst_beats=64)
    assert len(golden.executed) == 6


def test_limits():
    """The largest count of everything passes, and one more does not."""
    size = 1 << 18
    options = {"memory_size": size, "burst_bytes": 16, "gateware_version": 0x4321}
    golden, board = LoggingBoard(**options), LoggingBoard(**options)
    cases = [
        (request(Command.HELLO), Status.OK),
        (request(Command.MEM_CRC, 0, 65536 + 16), Status.BAD_LENGTH),
        (request(Command.MEM_CRC, size - 16, 32), Status.BAD_ADDRESS),
        (request(Command.MEM_CRC, size - 16, 16), Status.OK),
        (request(Command.MEM_CRC, 0xfffffff0, 16), Status.BAD_ADDRESS),
        (request(Command.MEM_CRC, 16, 0), Status.BAD_LENGTH),
        (request(Command.MEM_READ, 16, 1024 + 16), Status.BAD_LENGTH),
        (request(Command.MEM_READ, size - 32, 32), Status.OK),
        (request(Command.MEM_READ, size - 16, 32), Status.BAD_ADDRESS),
        (request(Command.MEM_READ, 8, 16), Status.BAD_ADDRESS),
        (request(Command.MEM_READ, 16, 8), Status.BAD_LENGTH),
        (request(Command.MEM_WRITE, size - 16, data=bytes(16)), Status.OK),
        (request(Command.MEM_WRITE, size - 16, data=bytes(32)), Status.BAD_ADDRESS),
        (request(Command.MEM_WRITE, 16), Status.BAD_LENGTH),
        (request(Command.MEM_WRITE, 16, data=bytes(1020)), Status.BAD_LENGTH),
        (request(Command.READ, (1 << 20) - 2, 2), Status.OK),
        (request(Command.READ, (1 << 20) - 2, 3), Status.BAD_ADDRESS),
        (request(Command.READ, KEEP_ADDRESS | (1 << 20) - 1, 3), Status.OK),
        (request(Command.READ, KEEP_ADDRESS | 1 << 20, 1), Status.BAD_ADDRESS),
        (request(Command.READ, 0, 257), Status.BAD_LENGTH),
        (request(Command.READ, 0, 0), Status.BAD_LENGTH),
        (request(Command.WRITE, (1 << 20) - 1, data=bytes(4)), Status.OK),
        (request(Command.WRITE, (1 << 20) - 1, data=bytes(8)), Status.BAD_ADDRESS),
        (request(Command.WRITE, 1 << 30, data=bytes(4)), Status.BAD_ADDRESS),
        (request(Command.WRITE, 0, data=bytes(7)), Status.BAD_LENGTH),
        (request(Command.WRITE, 0), Status.BAD_LENGTH),
        ((Command.WRITE, b"abc"), Status.BAD_LENGTH),
        ((Command.READ, b"abcdefg"), Status.BAD_LENGTH),
        ((Command.HELLO, b"a"), Status.BAD_LENGTH),
        ((0, b""), Status.BAD_COMMAND),
        ((7, b"abc"), Status.BAD_COMMAND),
    ]
    frames, answers = [], []
    for (code, payload), status in cases:
        seq = ((golden._last or 0) + 1) % 256
        frames.append(bytes((seq, code)) + payload)
        answers.append(cobs_decode(golden.receive(encode(seq, code, payload))[:-1])[:-4])
        assert answers[-1][1] == status, (code, payload)

    check(frames, answers, golden, board, beat_bytes=2, burst_beats=8)


@pytest.mark.parametrize("beat_bytes, burst_beats", [(1, 2), (2, 1024), (2, 3)])
def test_rejects(beat_bytes, burst_beats):
    with pytest.raises(ValueError, match="power of two of bytes, 4 to 1024, not "
                                         f"{beat_bytes * burst_beats}"):
        CommandPort(beat_bytes=beat_bytes, burst_beats=burst_beats, addr_width=8)


def test_converts():
    rtlil.convert(CommandPort(beat_bytes=2, burst_beats=8, addr_width=24))
