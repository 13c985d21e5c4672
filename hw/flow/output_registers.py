"""Registers behind block RAMs, moved into them: Yosys uses none of an ECP5's block RAM."""

from collections import defaultdict

__all__ = ["use_output_registers"]


def _constant(bits, value):
    return bits == [value]


def _is_plain(register, clock):
    """Whether a cell is a flip-flop of ``clock`` without enable and reset that begins as zero."""
    if register["type"] != "TRELLIS_FF":
        return False
    modes, pins = register["parameters"], register["connections"]
    return (modes.get("CLKMUX") == "CLK" and pins["CLK"] == clock
            and modes.get("CEMUX", "").strip() == "1" and modes.get("REGSET") == "RESET"
            and _constant(pins.get("LSR", ["0"]), "0") and "M" not in pins)


def use_output_registers(netlist):
    """Let block RAMs put out their data through their own registers, where one follows each bit.

    A block RAM shows its data 5.8 ns after the clock's edge, and 1 ns with its register. It is used
    where every bit that a port puts out goes to one flip-flop and nowhere else, and neither has an
    enable: so the netlist does the same in every clock. Nothing else is changed; what reads 36 bits
    at once, half of them at the other port's pins, is left alone.

    Ref: Lattice FPGA-TN-02204, ECP5 and ECP5-5G Memory Usage Guide.

    Parameters
    ----------
    netlist : :class:`dict`
        What Yosys' ``write_json`` wrote, with cells of an ECP5. Changed in place.

    Returns
    -------
    :class:`int`
        Number of flip-flops that went.
    """
    module = netlist["modules"]["top"]
    cells = module["cells"]
    readers = defaultdict(list)
    for name, cell in cells.items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] != "output":
                for bit in bits:
                    readers[bit].append((name, pin))
    for port in module["ports"].values():
        for bit in port["bits"]:
            readers[bit].append((None, None))

    moved = 0
    for cell in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        pins, modes = cell["connections"], cell["parameters"]
        if any(int(modes.get(f"DATA_WIDTH_{side}", "10010"), 2) == 36 for side in "AB"):
            continue
        for side in "AB":
            data = [pin for pin, bits in pins.items()
                    if pin.startswith(f"DO{side}") and bits and readers[bits[0]]]
            if not data or modes.get(f"REGMODE_{side}", "NOREG") != "NOREG":
                continue
            if not all(_constant(pins.get(f"{pin}{side}", ["0"]), value)
                       for pin, value in (("CE", "1"), ("OCE", "1"), ("RST", "0"))):
                continue
            behind = [readers[pins[pin][0]] for pin in data]
            if not all(len(each) == 1 and each[0][1] == "DI"
                       and _is_plain(cells[each[0][0]], pins[f"CLK{side}"]) for each in behind):
                continue
            modes[f"REGMODE_{side}"] = "OUTREG"
            for pin, [(register, _)] in zip(data, behind):
                pins[pin] = cells.pop(register)["connections"]["Q"]
            moved += len(data)
    return moved
