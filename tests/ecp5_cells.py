"""What stands in for cells of an ECP5, so that both forms of a leaf are simulated."""

from types import SimpleNamespace

from amaranth import Cat, Const, Elaboratable, Module, Mux, Signal

__all__ = ["ECP5", "OnECP5", "ccu2c"]

#: Platform whose leaves are made of cells.
ECP5 = SimpleNamespace(family="ecp5")


def ccu2c(kind, **ports):
    """Model of the cell, in place of Instance: yosys, techlibs/lattice/ccu2c_sim.vh."""
    assert kind == "CCU2C"
    m = Module()
    carry = ports.pop("i_CIN")
    for half in "01":
        init = ports.pop(f"p_INIT{half}")
        assert ports.pop(f"p_INJECT1_{half}") == "NO"
        a, b, c, d = (ports.pop(f"i_{name}{half}") for name in "ABCD")
        lut4, lut2, out = Signal(), Signal(), Signal()
        m.d.comb += [
            lut4.eq(init.bit_select(Cat(a, b, c, d), 1)),
            lut2.eq(Const(init.value & 15, 4).bit_select(Cat(a, b), 1)),
            out.eq(Mux(lut4, carry, lut2)),
            ports.pop(f"o_S{half}").eq(lut4 ^ carry),
        ]
        carry = out
    m.d.comb += ports.pop("o_COUT").eq(carry)
    assert not ports
    return m


class OnECP5(Elaboratable):
    def __init__(self, component):
        self.component = component

    def elaborate(self, platform):
        return self.component.elaborate(ECP5)
