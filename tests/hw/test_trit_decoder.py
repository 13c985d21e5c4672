import numpy as np
from amaranth.back import rtlil
from numpy.testing import assert_array_equal

from bench import plain, simulate
from trine.hw.trit_decoder import TritDecoder
from trine.sim.golden.trit_decoder import trit_decoder


def decode(steps):
    """Run (byte, en) through the decoder; return the trits after each as -1, 0, +1."""
    dut = TritDecoder()
    trits = []

    async def testbench(ctx):
        for packed, en in steps:
            ctx.set(dut.packed, packed)
            ctx.set(dut.en, en)
            await ctx.tick()
            pairs = [tuple(trit.values()) for trit in plain(ctx.get(dut.trits))]
            trits.append([{(0, 0): 0, (1, 0): 1, (1, 1): -1}[pair] for pair in pairs])

    simulate(dut, testbench)
    return trits


def test_every_byte():
    assert TritDecoder.latency == 1
    assert_array_equal(decode([(byte, 1) for byte in range(256)]), trit_decoder(np.arange(256)))


def test_keeps_trits_without_enable():
    first, _, second = decode([(0x21, 1), (0x5E, 0), (0x5E, 1)])
    assert decode([(0x21, 1), (0x5E, 0)])[1] == first != second


def test_converts():
    assert "trits" in rtlil.convert(TritDecoder())
