"""The link against the board's model, with every fault a line can have; and behind a UART."""

import itertools
from random import Random

import pytest
from amaranth import *
from amaranth.back import rtlil
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from bench import run
from link_bench import LoggingBoard, commands, memory_behind, registers_behind, request
from trine.firmware.protocol import Command, Deframer, Status, encode
from trine.hw.link.bus import RegisterBus
from trine.hw.link.link import Link
from trine.hw.link.memory_port import BurstSignature
from trine.hw.link.uart import UART

SIZE = 1024
OPTIONS = {"beat_bytes": 2, "burst_beats": 8, "addr_width": 9}


class Faults:
    """Ways to spoil a frame on its way, each called with a source of randomness."""

    @staticmethod
    def none(rng, frame):
        return frame

    @staticmethod
    def flip(rng, frame):
        bit = rng.randrange(8 * len(frame))
        return (int.from_bytes(frame) ^ 1 << bit).to_bytes(len(frame))

    @staticmethod
    def lose(rng, frame):
        at = rng.randrange(len(frame))
        return frame[:at] + frame[at + 1:]

    @staticmethod
    def truncate(rng, frame):
        return frame[:rng.randrange(len(frame))] + b"\0"

    @staticmethod
    def garbage(rng, frame):
        return bytes(rng.choices([0, 1, 2, 3, 5, 0x80, 0xff], k=rng.randrange(1, 12))) + frame

    @staticmethod
    def oversize(rng, frame):
        return frame[:-1] + bytes(rng.choices(range(1, 256), k=1100)) + b"\0"

    @staticmethod
    def twice(rng, frame):
        return frame + frame

    @staticmethod
    def delimiters(rng, frame):
        return b"\0\0\0" + frame + b"\0"


def faulty_stream(rng, golden, fault, count):
    """Return what the board receives and what it answers."""
    received = answers = b""
    spoil = getattr(Faults, fault)
    kinds = itertools.chain([request(Command.HELLO)],
                            commands(rng, memory_size=SIZE, burst_bytes=16, longest=2))
    for n, (code, payload) in enumerate(itertools.islice(kinds, count)):
        if golden._last is None:
            code, payload = request(Command.HELLO)
        seq = (golden._last + 1) % 256 if golden._last is not None else 77
        frame = encode(seq, code, payload)
        sent = spoil(rng, frame) if n % 3 else frame
        # The host sends again what was lost, until it is executed or refused.
        while True:
            received += sent
            answer = golden.receive(sent)
            answers += answer
            if any(frame.seq == seq for frame in Deframer().feed(answer)):
                break
            sent = b"\0" + frame
    return received, answers


@pytest.mark.parametrize("fault, count, stall", [
    ("none", 24, 0.0), ("flip", 24, 0.0), ("lose", 24, 0.3), ("truncate", 24, 0.0),
    ("garbage", 24, 0.3), ("oversize", 4, 0.0), ("twice", 24, 0.0), ("delimiters", 16, 0.0)])
def test_matches_model(fault, count, stall):
    golden, board = LoggingBoard(memory_size=SIZE), LoggingBoard(memory_size=SIZE)
    received, answers = faulty_stream(Random(f"{fault} 1"), golden, fault, count)
    dut = Link(**OPTIONS)
    dropped = []

    async def watch(ctx):
        async for _, _, value in ctx.tick().sample(dut.dropped):
            dropped.append(value)

    outputs = run(dut, {"rx": received}, {"tx": len(answers)}, stall=stall, settle=50, background=[
        watch, registers_behind(dut.bus, board, stall=stall),
        memory_behind(dut.memory, board, beat_bytes=2, burst_beats=8, stall=stall)])

    assert bytes(outputs["tx"]) == answers
    assert board.accesses == golden.accesses
    assert board.memory == golden.memory
    assert dropped[-1] == golden.dropped
    assert (dropped[-1] > 0) == (fault not in ("none", "twice", "delimiters"))


def test_noise_does_not_lock_the_link():
    """After any bytes whatever, a delimiter and HELLO are answered."""
    golden, board = LoggingBoard(memory_size=SIZE), LoggingBoard(memory_size=SIZE)
    rng = Random(13)
    received = b"".join(rng.randbytes(rng.randrange(30)) + b"\0" for _ in range(30))
    received += rng.randbytes(1500) + b"\0" + encode(9, Command.HELLO)
    answers = golden.receive(received)
    dut = Link(**OPTIONS)

    outputs = run(dut, {"rx": received}, {"tx": len(answers)}, stall=0.0, background=[
        registers_behind(dut.bus, board, stall=0.0),
        memory_behind(dut.memory, board, beat_bytes=2, burst_beats=8, stall=0.0)])

    assert bytes(outputs["tx"]) == answers
    assert Deframer().feed(answers)[-1].code == Status.OK


class SerialLink(wiring.Component):
    """The link behind a UART, and a UART for the host's end."""

    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))
    bus: Out(RegisterBus)
    memory: Out(BurstSignature(beat_bytes=2, addr_width=9))

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = Link(**OPTIONS)
        m.submodules.board_end = board_end = UART(clock_hz=1000, baud=120)
        m.submodules.host_end = host_end = UART(clock_hz=1000, baud=122)
        m.d.comb += [board_end.rx.eq(host_end.tx), host_end.rx.eq(board_end.tx)]
        connect(m, flipped(self.rx), host_end.i)
        connect(m, host_end.o, flipped(self.tx))
        connect(m, board_end.o, link.rx)
        connect(m, link.tx, board_end.i)
        connect(m, link.bus, flipped(self.bus))
        connect(m, link.memory, flipped(self.memory))
        return m


def test_behind_a_uart():
    golden, board = LoggingBoard(memory_size=SIZE), LoggingBoard(memory_size=SIZE)
    received = b"".join(encode(seq, code, payload) for seq, (code, payload) in enumerate([
        request(Command.HELLO),
        request(Command.MEM_WRITE, 32, data=bytes(range(16))),
        request(Command.READ, 3, 1)]))
    answers = golden.receive(received)
    dut = SerialLink()

    outputs = run(dut, {"rx": received}, {"tx": len(answers)}, stall=0.0, background=[
        registers_behind(dut.bus, board, stall=0.0),
        memory_behind(dut.memory, board, beat_bytes=2, burst_beats=8, stall=0.0)])

    assert bytes(outputs["tx"]) == answers
    assert board.memory == golden.memory


def test_converts():
    rtlil.convert(Link(**OPTIONS))
