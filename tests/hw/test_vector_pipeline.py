"""VectorPipeline: elements in, results out; what it computes is held by test_vector_engine.py."""

import pytest

from bench import plain, simulate
from conversion import convert
from trine.hw.vector_command import ASource, BSource, Op, Statistic, Target
from trine.hw.vector_pipeline import VectorPipeline
from vector_commands import small_config


def command(op, a_source, b_source, target, **fields):
    return {"op": Op[op], "a_source": ASource[a_source], "b_source": BSource[b_source],
            "target": Target[target], "statistic": Statistic.ABSMAX, **fields}


class Bench:
    """Feeds the elements of one command after another."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut = ctx, dut

    async def play(self, fields, elements, *, gap=0):
        """Return [(clocks since its element, result)] and the number of `filled` strobes."""
        ctx, dut, entered, results, filled = self.ctx, self.dut, [], [], 0
        ctx.set(dut.command, fields)
        await ctx.tick().repeat(3)
        for cycle in range((gap + 1) * len(elements) + 40):
            valid = cycle % (gap + 1) == 0 and cycle // (gap + 1) < len(elements)
            ctx.set(dut.element.valid, valid)
            if valid:
                ctx.set(dut.element.payload, elements[cycle // (gap + 1)])
                entered.append(cycle)
            _, _, out, result, done = await ctx.tick().sample(
                dut.result.valid, dut.result.payload, dut.filled)
            if out:
                results.append((cycle - entered[len(results)], plain(result)))
            filled += done
        return results, filled


def element(n, *, slot=0, value=0, dst=0, last=0):
    return {"slot": slot, "state_slot": slot, "a": n, "b": n, "state": n, "dst": dst + n,
            "sums": [value], "loads": [value], "fills": [value & 0xffff], "last": last}


@pytest.mark.parametrize("gap", [0, 2])
def test_elements_keep_their_order_and_come_in_time(gap):
    dut = VectorPipeline(config=small_config(3))

    async def testbench(ctx):
        bench = Bench(ctx, dut)
        values = [100 * n - 250 for n in range(8)]
        constants = [3, 0xFFFF, 1 << 15, 0, 1, 2, 7, 9]
        signed = [(constant ^ 0x8000) - 0x8000 for constant in constants]
        results, filled = await bench.play(
            command("MULTIPLY", "VECTOR", "NONE", "CONSTANT"),
            [element(n, value=constant, last=n == 7) for n, constant in enumerate(constants)],
            gap=gap)
        assert (results, filled) == ([], 1)
        results, filled = await bench.play(
            command("MULTIPLY", "LOADS", "NONE", "VECTOR"),
            [element(n, slot=n % 3, value=value, last=n == 7) for n, value in enumerate(values)],
            gap=gap)
        assert filled == 0
        assert results == [(dut.latency, {"slot": n % 3, "dst": n, "values": [value], "more": 0,
                                          "last": n == 7})
                           for n, value in enumerate(values)]
        results, _ = await bench.play(
            command("MULTIPLY", "VECTOR", "CONSTANT", "STATE"),
            [element(n, slot=n % 3, dst=5) for n in range(8)], gap=gap)
        assert results == [
            (dut.latency, {"slot": n % 3, "dst": 5 + n, "values": [a * b], "more": 0, "last": 0})
            for n, (a, b) in enumerate(zip(values, signed))]
        # The sigmoid of zero, one half, is 2^23: what is left of it is b.
        results, _ = await bench.play(
            command("SIGMOID", "VECTOR", "CONSTANT", "NONE", shift=23),
            [{**element(n, slot=0), "a": 31} for n in range(8)], gap=gap)
        assert results == [
            (dut.latency, {"slot": 0, "dst": n, "values": [b], "more": 0, "last": 0})
            for n, b in enumerate(signed)]

    simulate(dut, testbench)


def test_scalars_belong_to_their_slot():
    dut = VectorPipeline(config=small_config(3))
    factors = [{"mantissa": 1 << 30, "shift": shift, "left": 0} for shift in (30, 29, 31)]

    async def scalars(ctx):
        while True:
            _, _, slot = await ctx.tick().sample(dut.slot)
            ctx.set(dut.factor, factors[slot])

    async def testbench(ctx):
        results, _ = await Bench(ctx, dut).play(
            command("SCALE", "SUMS", "NONE", "NONE"),
            [element(n, slot=n % 3, value=100 + n) for n in range(9)])
        # Times 1, times 2, and half, rounded up.
        assert [result["values"][0] for _, result in results] == [
            (value, 2 * value, (value + 1) // 2)[n % 3]
            for n, value in enumerate(range(100, 109))]

    simulate(dut, testbench, background=[scalars])


def test_converts():
    convert(VectorPipeline(config=small_config(1)))
