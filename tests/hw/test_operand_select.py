"""OperandSelect: what each instruction multiplies and adds."""

from itertools import product
from random import Random

import pytest

from bench import latency, run
from conversion import convert
from trine.hw.operand_select import OperandSelect
from trine.hw.vector_command import ASource, BSource, Op, Target

INT32 = [-(1 << 31), -1, 0, 1, (1 << 31) - 1]


def given(rng):
    def value():
        return rng.choice([*INT32, rng.randrange(-(1 << 31), 1 << 31)])

    return {"vector_a": value(), "vector_b": value(), "state": value(), "sum": value(),
            "load": value(),
            "constant": rng.choice([0, 0x7fff, 0x8000, 0xffff, rng.randrange(1 << 16)]),
            "fresh": rng.randrange(2)}


def expected(op, a_source, b_source, target, i):
    a = i[{"VECTOR": "vector_a", "STATE": "state", "SUMS": "sum", "LOADS": "load"}[a_source]]
    b = {"NONE": 1, "VECTOR": i["vector_b"], "CONSTANT_UNSIGNED": i["constant"],
         "CONSTANT": (i["constant"] ^ 0x8000) - 0x8000}[b_source]
    third = i["vector_a"] if target == "RESIDUAL" else 0
    if op == "INTERPOLATE":
        third = 0 if i["fresh"] else i["state"]
        b -= third
    elif op in ("ADD", "SUBTRACT"):
        b, third = 1, b
    return {"a": a, "b": b, "third": third}


def legal():
    for op, a, b in product(Op, (ASource.VECTOR, ASource.STATE), BSource):
        if op != Op.INTERPOLATE or a != ASource.STATE:
            yield op.name, a.name, b.name, "STATE"
    for target in ("VECTOR", "RESIDUAL", "LOGITS"):
        yield "SCALE", "SUMS", "NONE", target
    yield "MULTIPLY", "LOADS", "NONE", "STATE"


@pytest.mark.parametrize("op, a_source, b_source, target", list(legal()))
def test_operands(op, a_source, b_source, target):
    rng = Random(1)
    inputs = [given(rng) for _ in range(12)]
    command = {"op": Op[op], "a_source": ASource[a_source], "b_source": BSource[b_source],
               "target": Target[target]}
    outputs = run(OperandSelect(), inputs, len(inputs), pins={"command": command}, stall=0.3)
    # The first element comes together with the command, which is too early.
    assert outputs[1:] == [expected(op, a_source, b_source, target, i) for i in inputs][1:]


def test_latency():
    assert latency(OperandSelect(), given(Random(2)), pins={"command": {
        "op": Op.ADD, "a_source": ASource.VECTOR, "b_source": BSource.VECTOR,
        "target": Target.VECTOR}}) == OperandSelect.latency


def test_converts():
    convert(OperandSelect())
