"""Area by component, from the netlist that nextpnr-ecp5 writes when it has placed and routed."""

import re
from collections import Counter, defaultdict

__all__ = ["KINDS", "area", "with_parts"]

#: What counts as area: nextpnr's name of the cell, by what people call it.
KINDS = {"lut4": "TRELLIS_COMB", "ff": "TRELLIS_FF", "bram": "DP16KD", "dsp": "MULT18X18D"}
_NAMES = {cell: kind for kind, cell in KINDS.items()}

#: Cells that nextpnr adds at the ends of a carry chain, two halves each.
_CARRY_END = re.compile(r"(\$nextpnr_CCU2C_\d+)\$CCU2_COMB[01]$")


def area(netlist, hierarchy):
    """Count placed cells by component.

    A LUT belongs to the component whose signal it is named after, and the cells at the ends of a
    carry chain to the chain's. Optimisation across components blurs their borders a little.

    Parameters
    ----------
    netlist : :class:`dict`
        JSON of ``nextpnr-ecp5 --write``.
    hierarchy : :class:`.hierarchy.Hierarchy`
        Components of the design.

    Returns
    -------
    :class:`dict`
        By component, its own cells without those of the components in it: dict of lut4, ff, bram,
        dsp. What belongs to none stands under "".
    """
    counts = defaultdict(Counter)
    ends, carries = defaultdict(list), {}
    for name, cell in netlist["modules"]["top"]["cells"].items():
        kind = _NAMES.get(cell["type"])
        if kind is None:
            continue
        nets = [bit for port in ("FCI", "FCO") for bit in cell["connections"].get(port, ())]
        if match := _CARRY_END.match(name):
            ends[match[1]].append(nets)
            continue
        component, _ = hierarchy.resolve(name)
        counts[component][kind] += 1
        carries.update(dict.fromkeys(nets, component))
    for halves in ends.values():
        component = next((carries[net] for nets in halves for net in nets if net in carries), "")
        counts[component]["lut4"] += len(halves)
    return {component: {kind: counts[component][kind] for kind in KINDS}
            for component in sorted(counts)}


def with_parts(area, depth):
    """Add up :func:`area`: each component down to ``depth`` names, with all that is in it."""
    sums = defaultdict(Counter)
    for component, counts in area.items():
        names = component.split(".") if component else []
        for end in range(1, min(len(names), depth) + 1):
            sums[".".join(names[:end])].update(counts)
    return {component: {kind: sums[component][kind] for kind in KINDS}
            for component in sorted(sums)}
