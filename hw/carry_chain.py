"""Carry chain of an ECP5 whose bits have four inputs, where Yosys's own adders have two."""

from amaranth import *

__all__ = ["carry_chain"]


def carry_chain(m, init, halves):
    """Add a chain of CCU2C to ``m``, two bits a cell; return its sum.

    Ref: yosys, techlibs/lattice/ccu2c_sim.vh. A half is ``S = P ^ carry`` and passes the carry on
    where P is 1, else G; P is ``init`` at {D, C, B, A}, and G is ``init[3:0]`` at {B, A}.

    No carry comes in: nextpnr spends a whole cell where a signal enters the chain, but one half
    whose P is 0 and whose G is that signal does as well. Such a half is a bit of the sum like any.
    Where it is the lowest, :mod:`.flow.carry_ends` saves the cell that nextpnr spends on a zero.

    Parameters
    ----------
    m : :class:`Module`
        Where the cells go.
    init : :class:`int`
        Truth table of every half.
    halves : list of (A, B, C, D)
        Inputs, the lowest bit first.
    """
    sums = Signal(len(halves), name="sums")
    carry = C(0)
    for n in range(0, len(halves), 2):
        ports = {"i_CIN": carry}
        carry = Signal(name=f"carry_{n}")
        ports["o_COUT"] = carry
        for half in range(2):
            used = n + half < len(halves)
            inputs = halves[n + half] if used else (C(0),) * 4
            ports |= {
                f"p_INIT{half}": C(init, 16),
                f"p_INJECT1_{half}": "NO",
                **{f"i_{pin}{half}": value for pin, value in zip("ABCD", inputs)},
                f"o_S{half}": sums[n + half] if used else Signal(name="unused"),
            }
        m.submodules[f"bits_{n}"] = Instance("CCU2C", **ports)
    return sums
