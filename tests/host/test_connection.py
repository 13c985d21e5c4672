"""The connection against a board's model, over a line with every fault."""

import time
import zlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link_bench import LoggingBoard
from trine.firmware.protocol import (
    GATEWARE_VERSION,
    PROTOCOL_VERSION,
    WINDOW,
    Command,
    Frame,
    Status,
    decode,
    encode,
)
from trine.host.connection import CommandRefused, Connection, Greeting
from trine.host.links import DeviceError, LoopbackTransport, Transport
from trine.sim.faulty_line import FAULTS, FaultyLine

SIZE = 1 << 18


def faulty(board, seed=0, **options):
    """Return a faulty line to ``board``."""
    return FaultyLine(LoopbackTransport(board.receive), Random(seed), **options)


def connect(board, **options):
    connection = Connection(LoopbackTransport(board.receive), **options)
    connection.hello()
    return connection


def executed(board):
    return [(code, payload) for code, payload in board.executed if code != Command.HELLO]


def test_hello():
    connection = Connection(LoopbackTransport(LoggingBoard(gateware_version=7).receive))

    assert connection.hello() == Greeting(protocol=PROTOCOL_VERSION, gateware=7)
    assert GATEWARE_VERSION == 2


def test_registers():
    board = LoggingBoard()
    connection = connect(board)
    golden = LoggingBoard()

    for first, count, keep in [(5, 1, False), (0x100, 700, False), (9, 300, True)]:
        words = connection.read(first, count, keep=keep)
        assert words == [golden.read_register(first if keep else first + n) for n in range(count)]
        connection.write(first, range(count), keep=keep)
        for n in range(count):
            golden.write_register(first if keep else first + n, n)
    assert board.accesses == golden.accesses
    assert connection.read(1, 0) == []
    connection.write(1, [])


def test_memory():
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)
    data = Random(1).randbytes(150_000 // 16 * 16)
    seen = []

    connection.memory_write(160, data, progress=seen.append)

    assert board.memory[160:160 + len(data)] == data
    assert sum(seen) == len(data) and max(seen) == 1024
    assert connection.memory_read(176, 3200) == data[16:3216]
    assert connection.memory_crc(160, len(data)) == zlib.crc32(data)
    assert connection.memory_crc(0, SIZE) == zlib.crc32(board.memory)


def test_resuming_an_upload_sends_what_differs():
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)
    data = Random(2).randbytes(SIZE)
    connection.memory_write(0, data)
    board.memory[65536 + 5] ^= 1
    board.executed.clear()
    seen = []

    connection.memory_write(0, data, progress=seen.append, resume=True)

    assert board.memory == data
    assert sum(code == Command.MEM_WRITE for code, _ in board.executed) == 64
    assert sum(seen) == len(data)


def test_frames_go_out_ahead():
    board = LoggingBoard(memory_size=SIZE)
    outstanding = []

    class Counting(LoopbackTransport):
        def write(self, data):
            outstanding.append(data.count(0))
            super().write(data)

    connection = Connection(Counting(board.receive))
    connection.hello()
    outstanding.clear()
    connection.memory_write(0, bytes(16 * 1024))

    assert outstanding == [WINDOW, WINDOW]


@settings(max_examples=40)
@given(st.integers(0, 1 << 32), st.sampled_from([0.05, 0.2, 0.4]))
def test_nothing_is_lost_and_nothing_executed_twice(seed, rate):
    rng = Random(seed)
    board, golden = LoggingBoard(memory_size=SIZE), LoggingBoard(memory_size=SIZE)
    connection = Connection(faulty(board, seed, rate=rate), retries=200)
    connection.hello()
    expected = []

    for _ in range(12):
        match rng.randrange(5):
            case 0:
                count = rng.randrange(1, 400)
                assert connection.read(77, count, keep=True) == \
                    [golden.read_register(77) for _ in range(count)]
            case 1:
                words = [rng.randrange(1 << 32) for _ in range(rng.randrange(1, 3000))]
                connection.write(0x80, words)
                for n, word in enumerate(words):
                    golden.write_register(0x80 + n, word)
            case 2:
                at, data = 16 * rng.randrange(1000), rng.randbytes(16 * rng.randrange(1, 1200))
                connection.memory_write(at, data)
                golden.memory[at:at + len(data)] = data
                expected += [data[n:n + 1024] for n in range(0, len(data), 1024)]
            case 3:
                assert connection.memory_read(320, 1600) == golden.memory[320:1920]
            case 4:
                assert connection.memory_crc(0, SIZE) == zlib.crc32(golden.memory)

    assert board.accesses == golden.accesses
    assert board.memory == golden.memory
    assert [payload[4:] for code, payload in executed(board)
            if code == Command.MEM_WRITE] == expected


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone(fault):
    board = LoggingBoard(memory_size=SIZE)
    connection = Connection(faulty(board, rate=0.3, faults=[fault]), retries=100)
    data = Random(3).randbytes(100 * 1024)
    connection.hello()
    connection.memory_write(0, data)

    assert board.memory[:len(data)] == data
    assert len(executed(board)) == 100
    if fault in ("flip", "lose", "truncate"):
        assert connection.resent > 0 and connection.dropped + board.dropped > 0


def test_one_lost_frame_is_sent_again_at_once():
    """OUT_OF_ORDER tells what is missing; the time-out is not needed, and little is repeated."""
    board = LoggingBoard(memory_size=SIZE)
    lost = []

    def receive(data):
        frames = data.split(b"\0")[:-1]
        if len(frames) == WINDOW and not lost:
            lost.append(frames.pop(3))
        return board.receive(b"".join(frame + b"\0" for frame in frames))

    connection = Connection(LoopbackTransport(receive), retries=1)
    connection.hello()
    connection.memory_write(0, bytes(32 * 1024))

    assert len(executed(board)) == 32
    assert connection.resent == WINDOW - 3


@pytest.mark.parametrize("call, said", [
    (lambda c: c.read(1 << 20), "refused READ (address 0x100000, count 0x1): An address"),
    (lambda c: c.write((1 << 20) - 1, [1, 2]), "refused WRITE (address 0xfffff, 8 bytes): An"),
    (lambda c: c.memory_write(SIZE - 2048, bytes(4096)),
     "refused MEM_WRITE (address 0x40000, 1024 bytes): An address is not aligned, or the access"),
    (lambda c: c.memory_write(0, bytes(17)), "refused MEM_WRITE (address 0x0, 17 bytes): The pay"),
    (lambda c: c.memory_read(8, 16), "refused MEM_READ (address 0x8, length 0x10): An address"),
    (lambda c: c.memory_crc(0, 8), "refused MEM_CRC (address 0x0, length 0x8): The payload"),
])
def test_refusals_are_sentences_and_the_connection_goes_on(call, said):
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)

    with pytest.raises(CommandRefused) as refusal:
        call(connection)

    assert said in str(refusal.value)
    assert refusal.value.status in (Status.BAD_ADDRESS, Status.BAD_LENGTH)
    before = len(board.executed)
    connection.memory_write(16, bytes(16))
    assert connection.memory_read(16, 16) == bytes(16)
    assert len(board.executed) == before + 2


class DeadLine(Transport):
    """Takes everything and never answers."""

    name = "/dev/ttyUSB0"

    def write(self, data):
        pass

    def read(self, timeout):
        time.sleep(timeout)
        return b""

    def close(self):
        pass


def test_a_dead_device_is_given_up_in_time():
    begin = time.monotonic()

    with pytest.raises(DeviceError, match="The device on /dev/ttyUSB0 does not answer: check its"):
        Connection(DeadLine(), timeout=0.02, retries=3).hello()

    assert 0.08 <= time.monotonic() - begin < 0.5


def test_a_device_that_dies_while_it_works():
    board = LoggingBoard(memory_size=SIZE)
    alive = iter(range(5))
    connection = Connection(
        LoopbackTransport(lambda data: board.receive(data) if next(alive, None) is not None
                          else b""), retries=2)
    connection.hello()

    with pytest.raises(DeviceError, match="does not answer"):
        connection.memory_write(0, bytes(SIZE))
    with pytest.raises(DeviceError, match="Say hello to the device on loopback first"):
        connection.read(0)


class Babbling(DeadLine):
    """Never stops sending frames that nobody asked for."""

    def read(self, timeout):
        time.sleep(0.001)
        return encode(200, Status.OK)


def test_a_device_that_babbles_is_given_up_in_time():
    connection = Connection(Babbling(), timeout=0.01, retries=2)
    begin = time.monotonic()
    with pytest.raises(DeviceError, match="does not answer"):
        connection.hello()
    connection._next = 0
    with pytest.raises(DeviceError, match="does not answer"):
        connection.write(0, [1])

    assert time.monotonic() - begin < 1


def test_noise_is_no_board():
    rng = Random(5)

    with pytest.raises(DeviceError, match="does not answer"):
        Connection(LoopbackTransport(lambda data: rng.randbytes(40)), retries=3).hello()


@pytest.mark.parametrize("payload, said", [
    (b"NOPE\x01\0\x01\0", "The device on loopback is no Trine board"),
    (b"TRNE\x63\0\x01\0", "speaks version 99 of the link protocol and this program version "
                          f"{PROTOCOL_VERSION}: use the bitstream and the program of one release"),
])
def test_another_board(payload, said):
    def receive(data):
        return encode(decode(data.strip(b"\0")).seq, Status.OK, payload)

    with pytest.raises(DeviceError, match=said):
        Connection(LoopbackTransport(receive)).hello()


def test_a_board_that_was_reset():
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)
    board.reset()

    with pytest.raises(DeviceError, match="The device on loopback was reset"):
        connection.read(0)
    connection.hello()
    assert connection.memory_read(0, 16) == board.memory[:16]


def test_two_programs_on_one_board():
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)
    board.receive(encode((connection._next + 100) % 256, Command.HELLO))

    with pytest.raises(DeviceError, match="out of step: does another program use it"):
        connection.read(0)


def test_an_answer_of_the_wrong_length():
    connection = connect(LoggingBoard())
    connection.transport._answer = lambda data: encode(decode(data[:-1]).seq, Status.OK, b"abc")

    with pytest.raises(DeviceError, match="answered READ with 3 bytes, not 8"):
        connection.read(0, 2)


def test_an_interrupted_command_asks_for_hello():
    board = LoggingBoard(memory_size=SIZE)
    connection = connect(board)

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connection.memory_write(0, bytes(SIZE), progress=interrupt)
    with pytest.raises(DeviceError, match="Say hello"):
        connection.read(0)
    connection.hello()
    connection.memory_write(0, bytes(32))
    assert connection.memory_read(0, 32) == bytes(32)


def test_frames_are_plain_data():
    assert Frame(1, Status.OK) == decode(encode(1, Status.OK)[:-1])
