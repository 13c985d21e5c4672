"""Ends of carry chains that lead nowhere, cut: nextpnr would spend a cell on each."""

from collections import Counter
from itertools import product

__all__ = ["cut_carry_ends"]

_PINS = ("A0", "B0", "C0", "D0")


def _ignores_carry(pins, init):
    """Whether the first half of a CCU2C passes no carry on, whatever its inputs are."""
    inputs = [pins[pin][0] for pin in _PINS]
    free = sorted({bit for bit in inputs if bit not in ("0", "1")}, key=str)
    for values in product("01", repeat=len(free)):
        known = dict(zip(free, values))
        index = "".join(known.get(bit, bit) for bit in reversed(inputs))
        if init >> int(index, 2) & 1:
            return False
    return True


def cut_carry_ends(netlist):
    """Disconnect the carries of CCU2C cells that nobody reads, and those that make no difference.

    Where a carry leaves a chain or enters one, nextpnr adds a cell of two LUTs, even if it leaves
    for nobody and enters as a constant. A carry makes no difference to a cell whose first half
    passes none on and has a sum that nobody reads: there the carry of the chain begins.

    Ref: nextpnr, ecp5/pack.cc, ``split_carry_chain``; yosys, techlibs/lattice/ccu2c_sim.vh.

    Parameters
    ----------
    netlist : :class:`dict`
        What Yosys' ``write_json`` wrote, with cells of an ECP5. Changed in place.

    Returns
    -------
    :class:`int`
        Number of ends cut.
    """
    module = netlist["modules"]["top"]
    readers = Counter(bit for port in module["ports"].values() for bit in port["bits"])
    for cell in module["cells"].values():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] != "output":
                readers.update(bits)

    cut = 0
    for cell in module["cells"].values():
        if cell["type"] != "CCU2C":
            continue
        pins = cell["connections"]
        unread = {pin for pin in ("COUT", "S0") if not any(readers[bit] for bit in pins[pin])}
        if "COUT" in unread and pins["COUT"] != ["x"]:
            pins["COUT"] = ["x"]
            cut += 1
        if "S0" in unread and pins["CIN"] in (["0"], ["1"]) and _ignores_carry(
                pins, int(cell["parameters"]["INIT0"], 2)):
            pins["CIN"] = ["x"]
            cut += 1
    return cut
