import numpy as np
from amaranth.back import rtlil
from numpy.testing import assert_array_equal

from bench import plain, simulate
from trine.hw.trit_decoder import TritDecoder
from trine.sim.golden.trit_decoder import trit_decoder


def decode(packed):
    """Run the decoder on bytes; return trits as -1, 0, +1."""
    dut = TritDecoder()
    trits = []

    async def testbench(ctx):
        for byte in packed:
            ctx.set(dut.packed, byte)
            pairs = [tuple(trit.values()) for trit in plain(ctx.get(dut.trits))]
            trits.append([{(0, 0): 0, (1, 0): 1, (1, 1): -1}[pair] for pair in pairs])

    simulate(dut, testbench)
    return trits


def test_every_byte():
    packed = np.arange(256)
    assert_array_equal(decode(packed.tolist()), trit_decoder(packed))


def test_converts():
    assert "trits" in rtlil.convert(TritDecoder())
