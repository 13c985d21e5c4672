"""Area by component, from the netlist that nextpnr writes."""

from trine.hw.flow.placement import area, with_parts


class Names:
    """The part of a name before the last dot is the component."""

    def resolve(self, name):
        component, _, signal = name.rpartition(".")
        return component, signal


def cell(kind, **connections):
    return {"type": kind, "connections": {port: [bit] for port, bit in connections.items()}}


NETLIST = {"modules": {"top": {"cells": {
    "core.array.a": cell("TRELLIS_COMB", F=1, FCI=20),
    "core.array.b": cell("TRELLIS_FF", Q=2),
    "core.x": cell("TRELLIS_COMB", F=3),
    "core.array.decoder.m": cell("DP16KD"),
    "core.vector.p": cell("MULT18X18D"),
    "led": cell("TRELLIS_FF", Q=4),
    "pad": cell("TRELLIS_IO", B=5),
    # The start of the carry chain that goes on in core.array.a, in two halves.
    "$nextpnr_CCU2C_7$CCU2_COMB0": cell("TRELLIS_COMB", FCO=19),
    "$nextpnr_CCU2C_7$CCU2_COMB1": cell("TRELLIS_COMB", FCI=19, FCO=20),
}}}}


def used(lut4=0, ff=0, bram=0, dsp=0):
    return {"lut4": lut4, "ff": ff, "bram": bram, "dsp": dsp}


def test_area():
    assert area(NETLIST, Names()) == {
        "": used(ff=1), "core": used(lut4=1), "core.array": used(lut4=3, ff=1),
        "core.array.decoder": used(bram=1), "core.vector": used(dsp=1)}


def test_with_parts():
    found = with_parts(area(NETLIST, Names()), 2)

    assert found == {"core": used(4, 1, 1, 1), "core.array": used(3, 1, 1, 0),
                     "core.vector": used(0, 0, 0, 1)}
    assert with_parts(area(NETLIST, Names()), 3)["core.array.decoder"] == used(bram=1)
